/**
 * Certificates and keys from their files, read again when they were renewed.
 *
 * A renewal replaces two files, one after the other: until the key belongs to the certificate again, what was read before stays in use.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { systemCode, systemReason, TailraceError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import type { TlsMaterial } from "./network.ts";
import { readWholeFile } from "./read-whole-file.ts";

/** Where the files are; all in PEM. */
export interface TlsPaths {
  /** With the certificates that lead to the authority behind it. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly authorities?: string | undefined;
}

const FILE_BYTES_MAX = 1024 * 1024;

/** See the head of this file. */
export class TlsFiles {
  readonly #disk: Disk;
  readonly #paths: TlsPaths;
  #material: TlsMaterial;

  private constructor(disk: Disk, paths: TlsPaths, material: TlsMaterial) {
    this.#disk = disk;
    this.#paths = paths;
    this.#material = material;
  }

  /** Reads the files. Fails with TLS_INVALID. */
  static async open(disk: Disk, paths: TlsPaths): Promise<TlsFiles> {
    const material = await read(disk, paths);
    check(paths, material);
    return new TlsFiles(disk, paths, material);
  }

  /** What is in use; the same object until it is renewed. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /**
   * Reads the files again, since size and time say too little of files that are written over; true when other material is in use now. Fails
   * with TLS_INVALID, and then uses what it had.
   */
  async renew(): Promise<boolean> {
    const material = await read(this.#disk, this.#paths);
    if (isDeepStrictEqual(material, this.#material)) return false;
    check(this.#paths, material);
    this.#material = material;
    return true;
  }
}

async function read(disk: Disk, paths: TlsPaths): Promise<TlsMaterial> {
  return {
    certificate: await content(disk, paths.certificate),
    key: await content(disk, paths.key),
    authorities: await content(disk, paths.authorities),
  };
}

function check(paths: TlsPaths, { certificate, key, authorities }: TlsMaterial): void {
  if (authorities !== undefined) parsed(paths.authorities, () => new X509Certificate(authorities));
  if (certificate === undefined || key === undefined) return;
  const own = parsed(paths.certificate, () => new X509Certificate(certificate));
  const secret = parsed(paths.key, () => createPrivateKey(key));
  if (!own.checkPrivateKey(secret)) {
    throw invalid(paths.key, `it is not the key of ${paths.certificate}`);
  }
}

async function content(disk: Disk, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readWholeFile(disk, path, FILE_BYTES_MAX);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw invalid(path, `it cannot be read: ${systemReason(error)}`);
  }
}

function parsed<T>(path: string | undefined, parse: () => T): T {
  try {
    return parse();
  } catch {
    // What the parser says may hold a part of a key.
    throw invalid(path, "it is no PEM file with what is expected there");
  }
}

function invalid(path: string | undefined, why: string): TailraceError {
  return new TailraceError("TLS_INVALID", `${path}: ${why}`, { facts: { path: path ?? "" } });
}
