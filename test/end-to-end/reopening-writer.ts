/**
 * A program that logs, as a process of its own: it writes numbered lines into one file and opens that anew as programs do, on SIGHUP or when
 * another file has the path. Forked with FILE COUNT REOPENS; it says `written` when all lines are, and ends with the channel to its parent.
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { numberedLine } from "./numbered-lines.ts";

/** Lines of one write, and the pause behind it: some 2,000 lines a second. */
const LINES_PER_WRITE = 4;
const PAUSE_MS = 2;

const [path = "", count = "0", reopens = ""] = process.argv.slice(2);
let isHangup = false;
process.on("SIGHUP", () => {
  isHangup = true;
});
process.once("disconnect", () => process.exit());

let file = openSync(path, "a");
for (let index = 0; index < Number(count); ) {
  if (reopens === "on signal" ? isHangup : isElsewhere()) {
    isHangup = false;
    closeSync(file);
    file = openSync(path, "a");
  }
  let text = "";
  const to = Math.min(Number(count), index + LINES_PER_WRITE);
  for (; index < to; index++) text += numberedLine(index);
  writeSync(file, text);
  await sleep(PAUSE_MS);
}
process.send?.("written");

/** True when the path leads to another file by now, or to none. */
function isElsewhere(): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || found.ino !== fstatSync(file).ino;
}
