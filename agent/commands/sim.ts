import { z } from "zod";
import { defineCommand, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";

const optionsSchema = z.strictObject({
  seed: z.coerce.number().int().min(0).optional(),
  seeds: z.coerce.number().int().min(1).max(10_000_000).optional(),
  from: z.coerce.number().int().min(0).optional(),
  jobs: z.coerce.number().int().min(1).max(64).prefault("2"),
  trace: z.boolean().prefault(false),
  stop: z.boolean().prefault(false),
  faults: z.string().optional(),
});

/** `tailrace sim`: whole fleets on virtual time, killed, cut off and robbed of unsynced bytes as a seed says. */
export const command = defineCommand({
  summary: "Simulates whole fleets under faults and compares their windows with a recount.",
  examples: [
    ["tailrace sim --seed 7", "one fleet; the same seed gives the same trace"],
    ["tailrace sim --seeds 1000 --jobs 2", "a thousand fleets on two threads"],
    ["tailrace sim --seed 7 --trace", "everything that happens to one fleet, event by event"],
  ],
  configure: (command) => {
    command
      .option("--seed <number>", "simulate this seed")
      .option("--seeds <count>", "simulate so many seeds")
      .option("--from <number>", "the first of them (default 1)")
      .option("--jobs <count>", "threads to use (default 2)")
      .option("--faults <kinds>", "only these kinds of faults, separated by commas, all of them")
      .option("--stop", "end at the first failure")
      .option("--trace", "print every event; with --seed");
  },
  run: async (_operands, given, io) => {
    const parsed = optionsSchema.safeParse(given);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const name = issue?.path.join(".") ?? "";
      const why = issue?.code === "invalid_type" ? "expected a whole number" : issue?.message;
      throw new UsageError(`--${name} ${String(given[name])}: ${why}`);
    }
    const options = parsed.data;
    if ((options.seed === undefined) === (options.seeds === undefined)) {
      throw new UsageError("give either --seed or --seeds");
    }
    const { runSim } = await import("../../test/simulation/run-sim.ts");
    const { FAULT_KINDS } = await import("../../test/simulation/scenario.ts");
    const isGood = await runSim({
      from: options.seed ?? options.from ?? 1,
      count: options.seeds ?? 1,
      jobs: options.jobs,
      kinds: readKinds(options.faults, FAULT_KINDS),
      isTraced: options.trace,
      stopsAtFailure: options.stop,
      stdout: io.stdout,
      stderr: io.stderr,
      signal: io.signal,
    });
    return isGood ? EXIT_DONE : EXIT_FAILED;
  },
});

function readKinds<Kind extends string>(
  text: string | undefined,
  known: readonly Kind[],
): readonly Kind[] | undefined {
  return text?.split(",").map((name) => {
    const kind = known.find((other) => other === name.trim());
    if (kind !== undefined) return kind;
    throw new UsageError(`--faults: there is no \`${name.trim()}\`; known are ${known.join(", ")}`);
  });
}
