/** The commands around the aggregator, in the order in which `--help` lists them. */
export const aggregatorCommands = {
  aggregator: () => import("./aggregator.ts"),
  query: () => import("./query.ts"),
  export: () => import("./export.ts"),
  demo: () => import("./demo.ts"),
  dlq: () => import("./dlq.ts"),
  replay: () => import("./replay.ts"),
  alerts: () => import("./alerts.ts"),
  silence: () => import("./silence.ts"),
  backup: () => import("./backup.ts"),
  restore: () => import("./restore.ts"),
  health: () => import("./health.ts"),
  token: () => import("./token.ts"),
  rules: () => import("./rules.ts"),
  validate: () => import("./validate.ts"),
  schema: () => import("./schema.ts"),
} as const;
