/** What a caller may do. */
export type Scope = "ingest" | "read";

/** On whose behalf a call is made; every call carries one. The tenant is the first part of every state key. */
export interface Principal {
  readonly tenant: string;
  /** The only agent that the caller may speak for; undefined when any. */
  readonly agent: string | undefined;
  readonly scopes: readonly Scope[];
}

/** Whoever reaches an aggregator that asks for no credentials. */
export const LOCAL_OPERATOR: Principal = {
  tenant: "",
  agent: undefined,
  scopes: ["ingest", "read"],
};
