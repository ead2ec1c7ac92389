import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TlsMaterial } from "../../shared/platform/network.ts";

const run = promisify(execFile);

/** Files of a certificate and its key. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** An authority in `folder` that signs what a test needs. */
export class Authority {
  readonly #folder: string;
  readonly name: string;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.name = name;
  }

  static async make(folder: string, name: string): Promise<Authority> {
    const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    await run("openssl", [
      ...words.split(" "),
      ...["-subj", `/CN=${name}`, "-keyout", join(folder, `${name}.key`)],
      ...["-out", join(folder, `${name}.crt`)],
    ]);
    return new Authority(folder, name);
  }

  /** The file of its own certificate. */
  get file(): string {
    return join(this.#folder, `${this.name}.crt`);
  }

  /** Signs a certificate of `commonName` for the hosts and addresses in `alternatives`; `days` may be negative: it is over then. */
  async sign(
    file: string,
    commonName: string,
    alternatives: readonly string[] = [],
    days = 1,
  ): Promise<CertificateFiles> {
    const path = (ending: string) => join(this.#folder, `${file}.${ending}`);
    const words = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    await run("openssl", [
      ...words.split(" "),
      ...["-subj", `/CN=${commonName}`, "-keyout", path("key"), "-out", path("csr")],
    ]);
    const extension = alternatives.length > 0 ? `subjectAltName=${alternatives.join(",")}\n` : "";
    await writeFile(path("ext"), extension);
    const start =
      days < 0
        ? ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
        : ["-days", String(days)];
    await run("openssl", [
      ...[
        "x509",
        "-req",
        "-in",
        path("csr"),
        "-CA",
        this.file,
        "-CAkey",
        this.file.replace(/crt$/, "key"),
      ],
      ...["-CAcreateserial", "-extfile", path("ext"), "-out", path("crt"), ...start],
    ]);
    return { certificate: path("crt"), key: path("key") };
  }

  /** What a client uses that trusts this authority and shows `own`, if anything. */
  async client(own?: CertificateFiles): Promise<TlsMaterial> {
    return {
      authorities: await readFile(this.file),
      certificate: own && (await readFile(own.certificate)),
      key: own && (await readFile(own.key)),
    };
  }
}
