/** The commands around the agent, in the order in which `--help` lists them. */
export const agentCommands = {
  scan: () => import("./scan.ts"),
  parse: () => import("./parse.ts"),
  agent: () => import("./agent.ts"),
  status: () => import("./status.ts"),
  top: () => import("./top.ts"),
  tap: () => import("./tap.ts"),
  ledger: () => import("./ledger.ts"),
  spool: () => import("./spool.ts"),
  init: () => import("./init.ts"),
  enroll: () => import("./enroll.ts"),
  completion: () => import("./completion.ts"),
  bench: () => import("./bench.ts"),
  sim: () => import("./sim.ts"),
} as const;
