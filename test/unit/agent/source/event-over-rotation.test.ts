import { renameSync, truncateSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { containerLines } from "../../../../agent/parsers/container-events.ts";
import { readCriLine } from "../../../../agent/parsers/container-line.ts";
import { folderOpener, type LogFolder } from "./log-folder.ts";

const { open } = folderOpener();

/** Every line that begins with a word begins an event. */
async function joining(): Promise<LogFolder> {
  const folder = open();
  await folder.restart({ joins: (line) => !line.startsWith(" ") });
  return folder;
}

/** The whole of the ledger, as text. */
function ledgerOf(folder: LogFolder): string[] {
  return folder.ledger.map(
    ({ kind, reason, lines, bytes }) => `${kind} ${reason} ${lines} ${bytes}`,
  );
}

const FIRST = "one\n at a\n";
const REST = " at b\n at c\n";

describe("an event of several lines", () => {
  it("waits at the end of a file until its time is over", async () => {
    const folder = await joining();
    folder.append("x.log", `zero\n${FIRST}`);
    await folder.follow();
    expect(folder.counted).toEqual(["zero"]);
    expect(folder.stored.get(1)).toMatchObject({ offset: "zero\n".length });
    folder.append("x.log", REST);
    folder.nowMs += 500;
    await folder.follow();
    expect(folder.counted).toEqual(["zero"]);
    folder.nowMs += 999;
    await folder.follow();
    expect(folder.counted).toEqual(["zero"]);
    folder.nowMs += 1;
    await folder.follow();
    expect(folder.counted).toEqual(["zero", `${FIRST}${REST}`.trimEnd()]);
    expect(folder.stored.get(1)).toMatchObject({ offset: `zero\n${FIRST}${REST}`.length });
  });

  it("is read again as a whole after a crash", async () => {
    const folder = await joining();
    folder.append("x.log", `zero\n${FIRST}`);
    await folder.follow();
    await folder.restart();
    folder.append("x.log", `${REST}two\n`);
    await folder.follow();
    expect(folder.counted).toEqual(["zero", `${FIRST}${REST}`.trimEnd()]);
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted.at(-1)).toBe("two");
    expect(folder.ledgerBytes).toBe(`zero\n${FIRST}${REST}two\n`.length);
  });

  it("does not wait for an unfinished line behind it", async () => {
    const folder = await joining();
    folder.append("x.log", `${FIRST}tw`);
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual([FIRST.trimEnd()]);
    folder.append("x.log", "o\n");
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual([FIRST.trimEnd(), "two"]);
  });

  it("is counted at once at the end of a one-shot run, its last line without a line end included", async () => {
    const folder = open();
    await folder.restart({ once: true, joins: (line) => !line.startsWith(" ") });
    folder.append("x.log", `${FIRST} at end`);
    await folder.follow();
    expect(folder.source.ended).toBe(true);
    expect(folder.ledgerBytes).toBe(`${FIRST} at end`.length);
  });

  it("ROT-14 is joined again when a rotation cut it", async () => {
    const folder = await joining();
    folder.append("x.log", `zero\n${FIRST}`);
    await folder.follow();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    folder.append("x.log", REST);
    await folder.follow();
    expect(folder.counted).toEqual(["zero"]);
    folder.append("x.log", "two\n");
    folder.nowMs += 100;
    await folder.follow();
    expect(folder.counted).toEqual(["zero", `${FIRST}${REST}`.trimEnd()]);
    expect(folder.stored.get(1)).toMatchObject({ offset: `zero\n${FIRST}`.length });
    expect(folder.stored.get(2)).toMatchObject({ offset: REST.length });
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted.at(-1)).toBe("two");
    expect(folder.ledgerBytes).toBe(`zero\n${FIRST}${REST}two\n`.length);
  });

  it("ROT-14 is joined across the rotation when nothing more follows, and when it happened while stopped", async () => {
    const folder = await joining();
    folder.append("x.log", FIRST);
    await folder.follow();
    await folder.source.close();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    folder.append("x.log", REST);
    await folder.restart();
    await folder.follow();
    expect(folder.counted).toEqual([]);
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual([`${FIRST}${REST}`.trimEnd()]);
    expect(folder.ledgerBytes).toBe(`${FIRST}${REST}`.length);
  });

  it("ROT-14 ends at the rotation when the time was over, and the rest counts as lines that belong to it", async () => {
    const folder = await joining();
    folder.append("x.log", FIRST);
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    folder.append("x.log", `${REST}two\n`);
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual([FIRST.trimEnd(), "two"]);
    expect(ledgerOf(folder)).toContain(`filtered joined 3 ${" at a\n".length + REST.length}`);
  });

  it("ROT-14 joins what copytruncate cut", async () => {
    const folder = await joining();
    folder.append("x.log", `zero\n${FIRST}`);
    await folder.follow();
    await folder.tick();
    folder.copyTruncate("x.log", "x.log.1");
    await folder.tick();
    folder.append("x.log", `${REST}two\n`);
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual(["zero", `${FIRST}${REST}`.trimEnd(), "two"]);
    expect(folder.ledgerBytes).toBe(`zero\n${FIRST}${REST}two\n`.length);
  });

  it("is counted as it was read when its file is truncated meanwhile without a copy", async () => {
    const folder = await joining();
    folder.append("x.log", `zero\n${FIRST}`);
    await folder.follow();
    await folder.tick();
    truncateSync(folder.file("x.log"));
    folder.append("x.log", "another\n");
    await folder.follow();
    expect(folder.counted).toEqual(["zero", FIRST.trimEnd()]);
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual(["zero", FIRST.trimEnd(), "another"]);
    expect(folder.total("lost", "truncated_unread")).toEqual([0, 0]);
    expect(folder.ledgerBytes).toBe(`zero\n${FIRST}another\n`.length);
  });

  it("is counted without the unfinished line that was truncated with it", async () => {
    const folder = await joining();
    folder.append("x.log", `${FIRST}half`);
    await folder.follow();
    await folder.tick();
    truncateSync(folder.file("x.log"));
    await folder.follow();
    expect(folder.counted).toEqual([FIRST.trimEnd()]);
    expect(folder.total("lost", "truncated_unread")).toEqual([0, "half".length]);
  });

  it("does not make events of lines between which nothing was rotated", async () => {
    const folder = await joining();
    folder.append("x.log", `${REST}two\n`);
    await folder.follow();
    folder.nowMs += 1000;
    await folder.follow();
    expect(folder.counted).toEqual(["two"]);
    expect(ledgerOf(folder)).toContain(`rejected unparsed 2 ${REST.length}`);
  });

  it("longer than is looked at is counted without waiting", async () => {
    const folder = open();
    await folder.restart({ joins: (line) => !line.startsWith(" "), eventBytesMax: 100 });
    folder.append("x.log", `one\n${REST.repeat(20)}`);
    await folder.follow();
    expect(folder.counted).toHaveLength(1);
    expect(folder.ledgerBytes).toBe(4 + 20 * REST.length);
  });
});

describe("lines of containers", () => {
  const joins = containerLines(readCriLine, undefined);
  const TIME = "2026-11-20T10:00:00.000000000Z";
  const out = (tag: "P" | "F", text: string) => `${TIME} stdout ${tag} ${text}\n`;
  const err = (text: string) => `${TIME} stderr F ${text}\n`;
  const PIECE = "x".repeat(16_384);

  /** A folder that holds containers' lines; `eventBytesMax` is less than a long line. */
  async function containers(eventBytesMax = 40_000): Promise<LogFolder> {
    const folder = open();
    await folder.restart({ joins, eventBytesMax });
    return folder;
  }

  it.each([1, 2, 3, 9, 12])(
    "are one event when they are pieces of one, whenever each of %i came and whatever is looked at",
    async (count) => {
      const folder = await containers();
      folder.append("x.log", out("F", "1 before"));
      for (let piece = 0; piece < count; piece++) {
        folder.append("x.log", out("P", `${piece} ${PIECE}`));
        folder.nowMs += 2_000;
        await folder.follow();
        if (piece % 2 === 0) await folder.restart();
      }
      folder.append("x.log", `${out("F", "and its end")}${out("F", "2 behind")}`);
      await folder.follow();
      folder.nowMs += 2_000;
      await folder.follow();
      expect(folder.counted.map((event) => event.slice(40, 48))).toEqual([
        "1 before",
        "0 xxxxxx",
        "2 behind",
      ]);
    },
  );

  it("are what they are whenever they were read, after a wait and after a crash", async () => {
    const text = [
      out("F", "1 first"),
      err("Traceback (most recent call last):"),
      err('  File "x.py", line 1'),
      out("F", "2 second"),
      err("ValueError: no number"),
      out("P", "3 third"),
      err("4 fourth"),
      out("F", "of third"),
      err("Caused by: another"),
      out("F", "5 fifth"),
    ];
    const whole = await containers();
    whole.append("x.log", text.join(""));
    await whole.follow();
    whole.nowMs += 2_000;
    await whole.follow();
    const sides = ledgerOf(whole).toSorted();
    expect(whole.total("aggregated")[0]).toBe(5);
    for (let at = 1; at < text.length; at++) {
      for (const crashes of [false, true]) {
        const folder = await containers();
        folder.append("x.log", text.slice(0, at).join(""));
        await folder.follow();
        if (crashes) await folder.restart();
        else folder.nowMs += 2_000;
        await folder.follow();
        folder.append("x.log", text.slice(at).join(""));
        await folder.follow();
        folder.nowMs += 2_000;
        await folder.follow();
        expect(ledgerOf(folder).toSorted(), `cut before ${text[at]}`).toEqual(sides);
      }
    }
  });

  it("wait for the rest of a piece like for the end of a line, until the file is rotated away", async () => {
    const folder = await containers();
    folder.append("x.log", out("P", "1 cut"));
    for (let turn = 0; turn < 5; turn++) await folder.wait();
    expect(folder.counted).toEqual([]);
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    await folder.follow();
    await folder.wait();
    expect(folder.counted).toEqual([out("P", "1 cut").trimEnd()]);
  });

  it("ROT-14 are one event when a rotation came between its pieces", async () => {
    const folder = await containers();
    folder.append("x.log", `${out("F", "1 before")}${out("P", "2 cut")}`);
    await folder.follow();
    folder.nowMs += 2_000;
    await folder.follow();
    renameSync(folder.file("x.log"), folder.file("x.log.1"));
    folder.append("x.log", `${out("P", "of it")}${out("F", "its end")}${out("F", "3 behind")}`);
    await folder.follow();
    folder.nowMs += 2_000;
    await folder.follow();
    expect(folder.counted.map((event) => event.slice(40, 48))).toEqual([
      "1 before",
      expect.stringMatching(/^2 cut/),
      "3 behind",
    ]);
    expect(folder.total("filtered", "joined")[0]).toBe(2);
  });
});
