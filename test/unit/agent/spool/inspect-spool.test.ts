import { describe, expect, it } from "vitest";
import { inspectSpool } from "../../../../agent/spool/inspect-spool.ts";
import { makeTombstone } from "../../../../agent/spool/make-tombstone.ts";
import { present } from "../../../../shared/assert.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { fill, filledSpool, SPOOL_FOLDER } from "./sample-spool.ts";

async function contentsWith(count: number): Promise<Map<string, Buffer>> {
  const disk = new MemoryDisk();
  const spool = await filledSpool(disk, count);
  await spool.close();
  return disk.contents();
}

const inspect = (contents: ReadonlyMap<string, Buffer>) => {
  const sequences: number[] = [];
  return inspectSpool(
    { disk: MemoryDisk.holding(contents), directory: SPOOL_FOLDER },
    {
      record: async ({ batch }) => {
        sequences.push(batch.sequence);
      },
    },
  ).then((survey) => ({ ...survey, sequences }));
};

describe("looking through a spool", () => {
  it("sees every record of every segment and finds nothing wrong", async () => {
    const contents = await contentsWith(5);
    const { sequences, damages, tornBytes, segments } = await inspect(contents);
    expect(sequences).toEqual([1, 2, 3, 4, 5]);
    expect(segments.length).toBe(contents.size);
    expect({ damages, tornBytes }).toEqual({ damages: [], tornBytes: 0 });
  });

  it("changes nothing on the disk", async () => {
    const contents = await contentsWith(3);
    const disk = MemoryDisk.holding(contents);
    const before = disk.changeCount;
    await inspectSpool({ disk, directory: SPOOL_FOLDER });
    expect(disk.changeCount).toBe(before);
  });

  it("finds every flipped byte of a sealed record, and names its file", async () => {
    const contents = await contentsWith(5);
    const [path, bytes] = present([...contents][0], "a segment");
    for (let at = 0; at < bytes.length; at += 7) {
      const harmed = Buffer.from(bytes);
      harmed[at] = (harmed[at] ?? 0) ^ 0x10;
      // A header of another format is refused instead: its checksum would have to be right.
      const { damages } = await inspect(new Map(contents).set(path, harmed));
      expect(damages[0]?.path, `byte ${at}`).toBe(path);
    }
  });

  it("takes an unfinished record at the end for what it is", async () => {
    const contents = await contentsWith(1);
    const [path, bytes] = present([...contents][0], "a segment");
    const torn = Buffer.concat([bytes, Buffer.from("\x9eTSr half a record", "latin1")]);
    const { damages, tornBytes, sequences } = await inspect(new Map([[path, torn]]));
    expect({ damages, tornBytes, sequences }).toEqual({
      damages: [],
      tornBytes: torn.length - bytes.length,
      sequences: [1],
    });
  });

  it("misses a segment in the middle", async () => {
    const contents = await contentsWith(12);
    const paths = [...contents.keys()].toSorted();
    expect(paths.length).toBeGreaterThan(2);
    contents.delete(present(paths[1], "a segment in the middle"));
    const { damages } = await inspect(contents);
    expect(damages).toEqual([
      { path: paths[0], offset: expect.any(Number), detail: expect.stringContaining("continue") },
    ]);
  });

  it("leaves out a segment that the agent deletes meanwhile", async () => {
    const disk = MemoryDisk.holding(await contentsWith(12));
    const open = disk.open.bind(disk);
    disk.open = async (path, mode) => {
      if (path.endsWith("segment-000000000001.spool")) {
        throw Object.assign(new Error("gone"), { code: "ENOENT" });
      }
      return open(path, mode);
    };
    const { damages, segments } = await inspectSpool({ disk, directory: SPOOL_FOLDER });
    expect(damages).toEqual([]);
    expect(segments[0]?.number).toBe(2);
  });

  it("knows a tombstone and goes on behind it", async () => {
    const disk = new MemoryDisk();
    const spool = await filledSpool(disk, 2);
    const state = present(spool.state, "the state");
    const made = makeTombstone(state, await spool.readSealed(1), await spool.digestBefore(1));
    await spool.condemn(made.record, made.notes);
    await fill(spool, 1);
    await spool.close();
    const { damages, sequences } = await inspect(disk.contents());
    expect({ damages, sequences }).toEqual({ damages: [], sequences: [1, 2, 1, 3] });
  });

  it("finds nothing where there is no spool", async () => {
    const survey = await inspect(new Map());
    expect(survey).toMatchObject({ segments: [], damages: [], tornBytes: 0 });
  });
});
