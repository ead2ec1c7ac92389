/** The kill test at the size at which other log shippers were measured: `npx node test/end-to-end/run-kill-test.ts [LINES] [SEED]`. */
import { killTest } from "./kill-test.ts";

const LINES = 840_110;

const result = await killTest(Number(process.argv[2] ?? LINES), Number(process.argv[3] ?? 1));
const { lineCount, writtenAtKill, countedAtKill, lostCount, doubledCount } = result;
process.stdout.write(
  `${lineCount} lines, killed when ${writtenAtKill} were written and ${countedAtKill} counted: ${lostCount} lost, ${doubledCount} doubled\n`,
);
if (JSON.stringify(result.actual) !== JSON.stringify(result.expected)) process.exitCode = 1;
