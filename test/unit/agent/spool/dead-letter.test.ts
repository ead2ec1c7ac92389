import { expect, it } from "vitest";
import { keepDeadLetter } from "../../../../agent/spool/dead-letter.ts";
import { decodeEnvelope } from "../../../../shared/protocol/envelope.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { EPOCH, filledSpool } from "./sample-spool.ts";

it("a dead letter is the record as it was sent, durable, and may be kept twice", async () => {
  const { record } = await (await filledSpool(new MemoryDisk(), 1)).readSealed(1);
  const disk = new MemoryDisk();
  const head = { agent: "web-1", epoch: EPOCH, logId: "log-1", machine: "m" };
  const letter = { ...head, record };
  await keepDeadLetter(disk, "/data", letter);
  const path = await keepDeadLetter(disk, "/data", letter);
  expect(path).toBe(`/data/dead/${EPOCH}-1.envelope`);
  const bytes = disk.afterPowerCut("lose").contents().get(path) ?? Buffer.alloc(0);
  expect(decodeEnvelope(bytes)).toMatchObject({ ...head, records: [record] });
  disk.fault = () => "EROFS";
  await expect(keepDeadLetter(disk, "/data", letter)).rejects.toMatchObject({
    code: "DISK_FAILED",
  });
});
