import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { TlsFiles } from "../../../../shared/platform/tls-files.ts";
import { Authority, type CertificateFiles } from "../../../end-to-end/certificates.ts";

let folder: string;
let first: CertificateFiles;
let second: CertificateFiles;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-tls-"));
  const authority = await Authority.make(folder, "authority");
  first = await authority.sign("first", "a");
  second = await authority.sign("second", "a");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("TLS files", () => {
  it("are taken over only when key and certificate belong together again", async () => {
    const used = { certificate: join(folder, "used.crt"), key: join(folder, "used.key") };
    await copyFile(first.certificate, used.certificate);
    await copyFile(first.key, used.key);
    const files = await TlsFiles.open(realDisk, used);
    const before = files.material;
    expect(await files.renew()).toBe(false);
    await copyFile(second.certificate, used.certificate);
    await expect(files.renew()).rejects.toThrow(/used\.key: it is not the key of .*used\.crt/);
    expect(files.material).toBe(before);
    await copyFile(second.key, used.key);
    expect(await files.renew()).toBe(true);
    expect(files.material.certificate).not.toEqual(before.certificate);
    await rm(used.key);
    await expect(files.renew()).rejects.toThrow("used.key: it cannot be read: ENOENT");
  });

  it("that are none are refused without what stands in them", async () => {
    const secret = join(folder, "secret.txt");
    await writeFile(secret, "hunter2");
    const tries = [
      { certificate: secret, key: first.key },
      { certificate: first.certificate, key: secret },
      { authorities: secret },
    ];
    for (const paths of tries) {
      const failure: unknown = await TlsFiles.open(realDisk, paths).catch(
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({
        code: "TLS_INVALID",
        message: expect.stringContaining("no PEM file"),
      });
      expect(String(failure)).not.toContain("hunter2");
    }
  });
});
