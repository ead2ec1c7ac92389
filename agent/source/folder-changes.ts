import type { Clock } from "../../shared/platform/clock.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { isGone } from "./find-files.ts";

/** So long at least lies between two checks of one folder: many folders are checked more rarely. */
const PAUSE_MS_PER_FOLDER = 1;

/**
 * Tells that files came, went or were renamed in some folders, by the time at which each last changed: one stat a folder, whatever is written
 * into how many files. Watching them (inotify) would wake the agent at every single write.
 */
export class FolderChanges {
  private readonly disk: Pick<Disk, "stat">;
  private readonly clock: Clock;
  /** What tells one state of a folder from the next, as of the last look. */
  private states = new Map<string, string>();
  private checkedAtMs = Number.NEGATIVE_INFINITY;
  private isUnsettled = false;

  constructor(disk: Pick<Disk, "stat">, clock: Clock) {
    this.disk = disk;
    this.clock = clock;
  }

  /** Takes over how folders stand: call it right before they are looked at. */
  async note(folders: Iterable<string>): Promise<void> {
    const states = new Map<string, string>();
    for (const folder of folders) states.set(folder, await this.stateOf(folder));
    this.states = states;
    this.checkedAtMs = this.clock.monotonic();
  }

  /** States whether one of them is not as it was noted. Once more after that: a second change within a tick of the file system's clock shows as none. */
  async haveHappened(): Promise<boolean> {
    const nowMs = this.clock.monotonic();
    if (nowMs - this.checkedAtMs < this.states.size * PAUSE_MS_PER_FOLDER) return false;
    this.checkedAtMs = nowMs;
    const wasUnsettled = this.isUnsettled;
    this.isUnsettled = false;
    for (const [folder, state] of this.states) {
      if ((await this.stateOf(folder)) === state) continue;
      this.isUnsettled = true;
      return true;
    }
    return wasUnsettled;
  }

  private async stateOf(folder: string): Promise<string> {
    try {
      const { device, inode, modifiedMs } = await this.disk.stat(folder);
      return `${device} ${inode} ${modifiedMs}`;
    } catch (error) {
      // A folder that this user may not see is as good as none; a look says so.
      return isGone(error) ? "gone" : "out of reach";
    }
  }
}
