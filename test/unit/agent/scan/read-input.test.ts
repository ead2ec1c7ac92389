import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { LineBuffer } from "../../../../agent/scan/line-buffer.ts";
import { inputFault, isPlain, readInput, STDIN_NAME } from "../../../../agent/scan/read-input.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { pieces, temporaryFile } from "../commands/test-io.ts";

async function read(path: string, stdin: readonly (string | Buffer)[] = []) {
  let text = "";
  let bytesRead = 0;
  const lines = new LineBuffer(
    {
      lines: (buffer, from, to) => {
        text += buffer.toString("latin1", from, to);
      },
      unterminated: (line) => {
        text += line.toString("latin1");
      },
      tooLong: () => undefined,
    },
    1 << 24,
  );
  let fault: string | undefined;
  try {
    await readInput({
      path,
      disk: realPlatform.disk,
      stdin: pieces(stdin),
      lines,
      onRead: async (bytes) => {
        bytesRead += bytes;
      },
      signal: new AbortController().signal,
    });
  } catch (error) {
    fault = inputFault(error);
  }
  return { text, bytesRead, fault };
}

/** More than any buffer on the way holds, and no period that fits one. */
const LARGE = Array.from({ length: 200_000 }, (_, index) => `line ${index}`).join("\n");

describe("readInput", () => {
  test("reads a file to its end", async () => {
    for (const content of ["", "a", "a\nb\n", LARGE]) {
      const found = await read(temporaryFile("x.log", content));
      expect(found).toEqual({ text: content, bytesRead: content.length, fault: undefined });
    }
  });

  test.each([
    ["28b52ffd24", "zstd", "zstdcat"],
    ["fd377a585a", "xz", "xzcat"],
    ["425a683931", "bzip2", "bzcat"],
    ["04224d1864", "lz4", "lz4cat"],
    ["504b030414", "zip", "unzip -p"],
  ])("says how to read what begins with %s", async (hex, name, unpack) => {
    const bytes = Buffer.from(hex, "hex");
    const path = temporaryFile("x.log.packed", bytes);
    expect((await read(path)).fault).toBe(
      `it is packed with ${name}; unpack it on the way: ${unpack} ${path} | tailrace scan -`,
    );
    expect((await read(STDIN_NAME, [bytes])).fault).toContain(`${unpack} FILE | tailrace scan -`);
  });

  test("unpacks gzip by its first bytes, several members in a row too", async () => {
    const half = LARGE.length / 2;
    const packed = Buffer.concat([gzipSync(LARGE.slice(0, half)), gzipSync(LARGE.slice(half))]);
    for (const name of ["x.log.gz", "x.log"]) {
      const found = await read(temporaryFile(name, packed));
      expect(found.text === LARGE).toBe(true);
      expect(found.bytesRead).toBe(packed.length);
    }
  });

  test("reads a file that is only called .gz as it is", async () => {
    expect((await read(temporaryFile("x.gz", "plain\n"))).text).toBe("plain\n");
  });

  test("reads standard input, packed or not, in whatever pieces", async () => {
    expect((await read(STDIN_NAME, ["a", "b\nc", "\n"])).text).toBe("ab\nc\n");
    const packed = gzipSync("ab\nc\n");
    const bytewise = [...packed].map((byte) => Buffer.from([byte]));
    expect((await read(STDIN_NAME, bytewise)).text).toBe("ab\nc\n");
    expect((await read(STDIN_NAME, [])).text).toBe("");
    expect((await read(STDIN_NAME, ["x"])).text).toBe("x");
  });

  test("reads a named pipe, packed or not", async () => {
    for (const content of [LARGE, gzipSync(LARGE)]) {
      const path = temporaryFile("unused", "").replace("unused", "pipe");
      execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
      const [found] = await Promise.all([read(path), writeFile(path, content)]);
      expect(found.fault).toBeUndefined();
      expect(found.text === LARGE).toBe(true);
    }
  });

  test("hands over what came before a fault, and says what the fault is", async () => {
    const packed = gzipSync(`${LARGE}\n`);
    const cutOff = await read(temporaryFile("x.gz", packed.subarray(0, packed.length - 40)));
    expect(cutOff.fault).toBe("its gzip data ends too early; what came before was counted");
    expect(LARGE.startsWith(cutOff.text.trimEnd())).toBe(true);
    expect(cutOff.text.length).toBeGreaterThan(LARGE.length / 2);
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, 1000, 1100);
    expect((await read(temporaryFile("x.gz", damaged))).fault).toContain("corrupt");
    expect((await read("/nowhere/at/all.log")).fault).toBe("there is no such file");
    expect((await read("/")).fault).toContain("folder");
  });
});

test("data is plain unless it begins as something packed does", () => {
  for (const text of ["", "B", "BZ", "{}", "(no magic)"]) {
    expect(isPlain(Buffer.from(text)), text).toBe(true);
  }
  for (const hex of ["1f8b", "28b52ffd24", "504b0304", "425a68"]) {
    expect(isPlain(Buffer.from(hex, "hex")), hex).toBe(false);
  }
});
