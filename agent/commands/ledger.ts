/** `tailrace ledger`: what became of every line and byte that an agent read, per source. */
import { join } from "node:path";
import { defineCommand, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";
import { BALANCED_KINDS } from "../../shared/protocol/batch.ts";
import { textTable } from "../../shared/text-table.ts";
import { LedgerBalance, type SourceBalance } from "../spool/balance-ledger.ts";
import { inspectSpool } from "../spool/inspect-spool.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";

/** The command. */
export const command = defineCommand({
  summary: "Shows what became of every line that an agent read, and whether that adds up.",
  examples: [
    ["tailrace ledger --config agent.yaml", "per source; exit 1 when it does not balance"],
    ["tailrace ledger --data-dir /var/lib/tailrace --output ndjson", "for scripts"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command).option("--output <form>", "table or ndjson", "table");
  },
  run: async (_operands, options, io) => {
    const { output } = options;
    if (output !== "table" && output !== "ndjson") {
      throw new UsageError("--output takes table or ndjson");
    }
    const directory = join(await dataDirectory(options, io), "spool");
    const balance = new LedgerBalance();
    const place = { disk: io.platform.disk, directory };
    const { segments, damages } = await inspectSpool(place, {
      header: (header) => balance.begin(header),
      record: async ({ visited, batch, notes }) => {
        if (visited.found.kind === "sealed") balance.add(batch);
        else balance.correct(notes.ledger);
      },
    });
    if (segments.length === 0) io.stderr("nothing was read yet: there is no spool\n");
    for (const { path, offset, detail } of damages) io.stderr(`${path}:${offset}: ${detail}\n`);
    const balances = balance.balances();
    if (output === "ndjson") {
      for (const found of balances) {
        const { faults, ...facts } = found;
        await io.stdout(`${JSON.stringify({ ...facts, balances: faults.length === 0, faults })}\n`);
      }
    } else {
      await io.stdout(ledgerTable(balances));
    }
    for (const { source, faults } of balances) {
      for (const { sequence, positionBytes, accountedBytes, lostBytes } of faults) {
        io.stderr(
          `${source}: batch ${sequence} does not balance: it reads ${positionBytes} bytes and accounts for ${accountedBytes}, ${lostBytes} of them lost\n`,
        );
      }
    }
    const isBalanced = damages.length === 0 && balances.every(({ faults }) => faults.length === 0);
    return isBalanced ? EXIT_DONE : EXIT_FAILED;
  },
});

function ledgerTable(balances: readonly SourceBalance[]): string {
  const columns = [
    ["source", "left"],
    ["", "left"],
    ["read", "right"],
    ["", "left"],
    ...BALANCED_KINDS.map((kind) => [kind, "right"] as const),
    ["in the spool", "left"],
  ] as const;
  const rows = balances.flatMap(({ source, read, kinds, faults, positionBytes }) => [
    [
      source,
      "lines",
      String(read.lines),
      "=",
      ...BALANCED_KINDS.map((kind) => String(kinds[kind].lines)),
      "",
    ],
    [
      "",
      "bytes",
      String(read.bytes),
      "=",
      ...BALANCED_KINDS.map((kind) => String(kinds[kind].bytes)),
      faults.length === 0 ? `balances over ${positionBytes} bytes` : "DOES NOT BALANCE",
    ],
  ]);
  return textTable(columns, rows);
}
