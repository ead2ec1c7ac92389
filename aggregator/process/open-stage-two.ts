import type { StateView } from "../log/log.ts";
import { ArchiveQueue } from "./archive-queue.ts";
import type { StageSettings } from "./session.ts";
import { StageTwo } from "./stage-two.ts";

/** Stage 2 on one partition, with what the settings ask for. */
export function openStageTwo(
  view: StateView,
  settings: StageSettings,
  partition: number,
): StageTwo {
  const { windows, rules, archive } = settings;
  const queue =
    archive &&
    new ArchiveQueue(view, archive.settings, {
      writtenBlocks: () => archive.writtenBlocks(partition),
      isDraining: () => archive.isDraining(),
    });
  return new StageTwo(view, windows, rules(), queue);
}
