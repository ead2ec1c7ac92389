/** `tailrace ledger`: what became of every line and byte that an agent read, per source. */
import { join } from "node:path";
import { defineCommand, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";
import { BALANCED_KINDS } from "../../shared/protocol/batch.ts";
import { textTable } from "../../shared/text-table.ts";
import { type LedgerAmount, LedgerBalance, type SourceBalance } from "../spool/balance-ledger.ts";
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
        await io.stdout(`${JSON.stringify({ ...facts, balances: isWhole(found), faults })}\n`);
      }
    } else {
      await io.stdout(ledgerTable(balances) + sendingsTable(balances));
    }
    for (const { source, faults, sendings } of balances) {
      for (const { what, selected, sent, shed } of sendings.filter((one) => !one.balances)) {
        io.stderr(
          `${source}: ${what} do not balance: ${amountText(selected)} were selected, ${amountText(sent)} sent, ${amountText(shed)} shed\n`,
        );
      }
      for (const { sequence, positionBytes, accountedBytes, lostBytes } of faults) {
        io.stderr(
          `${source}: batch ${sequence} does not balance: it reads ${positionBytes} bytes and accounts for ${accountedBytes}, ${lostBytes} of them lost\n`,
        );
      }
    }
    const isBalanced = damages.length === 0 && balances.every(isWhole);
    return isBalanced ? EXIT_DONE : EXIT_FAILED;
  },
});

function isWhole({ faults, sendings }: SourceBalance): boolean {
  return faults.length === 0 && sendings.every(({ balances }) => balances);
}

function amountText({ lines, bytes }: LedgerAmount): string {
  return `${lines} (${bytes} bytes)`;
}

/** What was chosen to be sent beside the counts; nothing where there was none. */
function sendingsTable(balances: readonly SourceBalance[]): string {
  const columns = [
    ["source", "left"],
    ["", "left"],
    ["selected", "right"],
    ["", "left"],
    ["sent", "right"],
    ["shed", "right"],
    ["because", "left"],
  ] as const;
  const rows = balances.flatMap(({ source, sendings }) =>
    sendings.flatMap(({ what, selected, sent, shed, reasons, balances: isRight }) => {
      const because = Object.entries(reasons).map(([reason, { lines }]) => `${reason} ${lines}`);
      const verdict = isRight ? because.join(", ") : "DOES NOT BALANCE";
      const counts = [selected, sent, shed].map(({ lines }) => String(lines));
      const bytes = [selected, sent, shed].map((amount) => String(amount.bytes));
      return [
        [source, what, counts[0] ?? "", "=", counts[1] ?? "", counts[2] ?? "", verdict],
        ["", "bytes", bytes[0] ?? "", "=", bytes[1] ?? "", bytes[2] ?? "", ""],
      ];
    }),
  );
  return rows.length === 0 ? "" : `\n${textTable(columns, rows)}`;
}

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
