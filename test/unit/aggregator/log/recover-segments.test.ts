import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "../../../../aggregator/log/segment-format.ts";
import { MemoryState } from "../../../../aggregator/state/memory-store.ts";
import { append, commitPosition, contents, ignore, LogPlace } from "./log-place.ts";

let place: LogPlace;
beforeEach(() => {
  place = new LogPlace();
});
afterEach(() => place.remove());

describe("opening the embedded log", () => {
  /** Four records in an open segment, as a killed process leaves it: opened, copied, put back after the close. */
  async function killedLog(): Promise<{ readonly path: string; readonly bytes: Buffer }> {
    const log = await place.open({ segmentBytesMax: 100_000 });
    for (const text of ["first", "second", "third", "fourth"]) await append(log, text);
    const path = join(place.folder, place.segmentNames()[0] ?? "");
    const bytes = readFileSync(path);
    await log.close();
    return { path, bytes };
  }

  it("keeps the whole records of a segment that is cut at any byte, and no position is given twice", async () => {
    const { path, bytes } = await killedLog();
    const texts = ["first", "second", "third", "fourth"];
    const ends = texts.map((_, index) =>
      texts
        .slice(0, index + 1)
        .reduce((end, text) => end + FRAME_HEADER_BYTES + text.length, SEGMENT_HEADER_BYTES),
    );
    expect(bytes.length).toBe(ends.at(-1));
    const rows = place.state.copy();
    for (let length = 0; length <= bytes.length; length++) {
      place.state.restore(rows);
      for (const name of place.segmentNames()) rmSync(join(place.folder, name));
      writeFileSync(path, bytes.subarray(0, length));
      const log = await place.open();
      const wholeCount = ends.filter((end) => end <= length).length;
      const expected = texts.slice(0, wholeCount).map((text, index) => [index, text]);
      expect(await contents(log), `cut at ${length}`).toEqual(expected);
      await log.close();
      if (length % 8 !== 0) continue;
      const again = await place.open();
      expect(await contents(again)).toEqual([...expected, [wholeCount, "marker"]]);
      await again.close();
    }
  });

  it("is refused when bytes were harmed that had been synced, and says where", async () => {
    const { path, bytes } = await killedLog();
    for (const offset of [SEGMENT_HEADER_BYTES + 1, SEGMENT_HEADER_BYTES + 80]) {
      const harmed = Buffer.from(bytes);
      harmed[offset] = (harmed[offset] ?? 0) ^ 1;
      writeFileSync(path, harmed);
      await expect(place.open()).rejects.toMatchObject({
        code: "LOG_CORRUPT",
        facts: expect.objectContaining({ segment: path }),
      });
    }
    writeFileSync(path, bytes);
    await (await place.open()).close();
  });

  it("is refused when a segment that is not the last lost its end, is another log's, or is not what its name says", async () => {
    const log = await place.open({ segmentBytesMax: 200 });
    for (let index = 0; index < 12; index++) await append(log, "x".repeat(60));
    await log.close();
    const [first = "", second = ""] = place.segmentNames();
    const path = join(place.folder, first);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 5));
    await expect(place.open()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    writeFileSync(path, readFileSync(join(place.folder, second)));
    await expect(place.open()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    const header = Buffer.from(bytes);
    header[20] = (header[20] ?? 0) ^ 0xff;
    writeFileSync(path, header);
    await expect(place.open()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    writeFileSync(path, bytes);
    await (await place.open()).close();
  });

  it("goes on without a segment that somebody moved away, and gives no position of it again", async () => {
    const log = await place.open({ segmentBytesMax: 200 });
    for (let index = 0; index < 12; index++) await append(log, `${index} ${"x".repeat(60)}`);
    await log.close();
    const names = place.segmentNames();
    expect(names.length).toBeGreaterThan(3);
    mkdirSync(join(place.directory, "away"));
    for (const name of [names[1] ?? "", names.at(-1) ?? ""]) {
      renameSync(join(place.folder, name), join(place.directory, "away", name));
    }
    const again = await place.open();
    const found = await contents(again);
    const firstOf = (name: string | undefined) => Number(name?.slice(8, 23));
    const positions = found.map(([position]) => position);
    const expected = Array.from({ length: firstOf(names.at(-1)) }, (_, index) => index).filter(
      (position) => position < firstOf(names[1]) || position >= firstOf(names[2]),
    );
    expect(positions).toEqual(expected);
    await again.close();
  });

  it("removes a segment that was being made when the process was killed", async () => {
    const { path } = await killedLog();
    const torn = join(place.folder, "batches-000000000000004.log");
    writeFileSync(torn, readFileSync(path).subarray(0, 20));
    const log = await place.open();
    expect((await contents(log)).map(([, text]) => text)).toEqual([
      "first",
      "second",
      "third",
      "fourth",
    ]);
    await log.close();
  });

  it("removes what every reader had read already, without looking into it", async () => {
    const log = await place.open({ segmentBytesMax: 200 });
    let last = 0;
    for (let index = 0; index < 12; index++) last = await append(log, "x".repeat(60));
    await commitPosition(await log.own("reader", 0, ignore), last + 1);
    await log.close();
    const names = place.segmentNames();
    writeFileSync(join(place.folder, names[0] ?? ""), "nonsense");
    const again = await place.open();
    expect(place.segmentNames()).toEqual(names.slice(-1));
    expect(await append(again, "next")).toBe(last + 1);
    await again.close();
  });

  it("is refused beside the state store of another log", async () => {
    await killedLog();
    place.state = new MemoryState();
    const other = place.folder;
    place.folder = join(place.directory, "other");
    await (await place.open()).close();
    place.folder = other;
    await expect(place.open()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("keeps id and positions when all segments are gone, and the id when the store is", async () => {
    const log = await place.open();
    const { logId } = log;
    const last = await append(log, "a");
    await commitPosition(await log.own("reader", 0, ignore), last + 1);
    await log.close();
    rmSync(place.folder, { recursive: true });
    const again = await place.open();
    expect(again.logId).toBe(logId);
    expect(await append(again, "b")).toBe(last + 1);
    await again.close();
    place.state = new MemoryState();
    const anew = await place.open();
    expect(anew.logId).toBe(logId);
    await anew.close();
  });

  it("is refused when a newer version wrote a segment", async () => {
    const { path, bytes } = await killedLog();
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    writeFileSync(path, bytes);
    await expect(place.open()).rejects.toMatchObject({ code: "FORMAT_UNKNOWN" });
  });
});
