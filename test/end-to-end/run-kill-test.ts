/** The kill test at the size at which other log shippers were measured. */
import { isDeepStrictEqual } from "node:util";
import { killTest } from "./kill-test.ts";

const LINES = "840110";
const SEED = "1";
const EXIT_USAGE = 2;

const words = process.argv.slice(2);
const [lines = LINES, seed = SEED] = words;
if (words.length > 2 || !/^[1-9]\d{0,8}$/.test(lines) || !/^\d{1,9}$/.test(seed)) {
  process.stderr.write(
    `npm run kill-test -- [LINES] [SEED]: an agent is killed while it reads so many lines (${LINES}), and what is counted is compared\n`,
  );
  process.exit(EXIT_USAGE);
}
const result = await killTest(Number(lines), Number(seed));
const { lineCount, writtenAtKill, countedAtKill, lostCount, doubledCount } = result;
process.stdout.write(
  `${lineCount} lines, killed when ${writtenAtKill} were written and ${countedAtKill} counted: ${lostCount} lost, ${doubledCount} doubled\n`,
);
if (!isDeepStrictEqual(result.actual, result.expected)) {
  process.stderr.write("levels or durations differ from a recount\n");
  process.exitCode = 1;
}
