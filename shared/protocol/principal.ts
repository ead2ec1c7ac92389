/** What a caller may do: send batches and events, ask, tend the aggregator, say who else may do what. */
export const SCOPES = ["ingest", "read", "operate", "admin"] as const;

/** See {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** On whose behalf a call is made; every call carries one. The tenant is the first part of every state key. */
export interface Principal {
  readonly tenant: string;
  /** Who it is, for people. */
  readonly name: string;
  /** The only agents that the caller may speak for; undefined when any. */
  readonly agents: readonly string[] | undefined;
  readonly scopes: readonly Scope[];
}

/** Whoever reaches an aggregator that asks for no credentials from its own machine. */
export const LOCAL_OPERATOR: Principal = {
  tenant: "",
  name: "this machine",
  agents: undefined,
  scopes: SCOPES,
};

/** Whoever reaches it from elsewhere. */
export const REMOTE_CALLER: Principal = {
  ...LOCAL_OPERATOR,
  name: "another machine",
  scopes: ["ingest", "read"],
};

/** Whoever shows no credentials where they are asked for. */
export const NOBODY: Principal = { ...LOCAL_OPERATOR, name: "nobody", agents: [], scopes: [] };
