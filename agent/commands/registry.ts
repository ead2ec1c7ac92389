/** The commands around the agent, in the order in which `--help` lists them. */
export const agentCommands = {} as const;
