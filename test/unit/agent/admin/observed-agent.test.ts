import { expect, it } from "vitest";
import { ProblemMemory } from "../../../../agent/admin/last-problem.ts";
import { ObservedAgent } from "../../../../agent/admin/observed-agent.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { sampleStatus } from "../telemetry/sample-status.ts";

const quiet = () => undefined;
const logger = { error: quiet, warn: quiet, info: quiet, debug: quiet };

it("SYS-03 says why the agent makes no progress: it was fenced, its disk fails, its queue is full, reading hangs", () => {
  let status = { ...sampleStatus, epoch: "e", logId: "l", turnCount: 1 };
  const observed = new ObservedAgent(
    {
      ...{ disk: realPlatform.disk, processId: 42, startedAtMs: 0 },
      problems: new ProblemMemory(logger, () => 0),
    },
    { status: () => status, files: () => [], sealedAfter: () => Promise.resolve([]) },
    { endpoints: [], spoolBytesMax: 1, meanings: new Map() },
  );
  observed.observe(1_000);
  expect(observed.stall).toBeUndefined();
  observed.observe(30_999);
  expect(observed.stall).toBeUndefined();
  observed.observe(31_000);
  expect(observed.stall).toBe("reading has not gone round for 30 s");
  status = { ...status, turnCount: 2 };
  observed.observe(31_500);
  expect(observed.stall).toBeUndefined();
  status = { ...status, isSpoolFull: true };
  expect(observed.stall).toContain("the disk queue is full");
  status = { ...status, isReady: false };
  expect(observed.stall).toBe("the disk of the spool fails");
  status = { ...status, mode: "hello" };
  expect(observed.stall).toContain("no aggregator has answered yet");
  status = { ...status, mode: "fenced" };
  expect(observed.stall).toContain("another spool took over");
});
