/** What a caller may do: send batches, ask, tend the aggregator. */
export type Scope = "ingest" | "read" | "operate";

/** On whose behalf a call is made; every call carries one. The tenant is the first part of every state key. */
export interface Principal {
  readonly tenant: string;
  /** The only agent that the caller may speak for; undefined when any. */
  readonly agent: string | undefined;
  readonly scopes: readonly Scope[];
}

/** Whoever reaches an aggregator that asks for no credentials from its own machine. */
export const LOCAL_OPERATOR: Principal = {
  tenant: "",
  agent: undefined,
  scopes: ["ingest", "read", "operate"],
};

/** Whoever reaches it from elsewhere. */
export const REMOTE_CALLER: Principal = { ...LOCAL_OPERATOR, scopes: ["ingest", "read"] };
