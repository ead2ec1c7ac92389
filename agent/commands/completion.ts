import { Command } from "commander";
import { defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import type { CommandSet } from "../../shared/run-command.ts";

const SHELLS = { bash, zsh, fish } as const;

/** One command with what may follow it. */
interface Completable {
  readonly name: string;
  readonly summary: string;
  /** Such as `--config`, with what each does. */
  readonly options: readonly (readonly [flag: string, does: string])[];
}

/** `tailrace completion`: prints a script that completes commands and options. */
export const command = defineCommand({
  summary: "Prints a script for a shell that completes commands and options.",
  examples: [
    ['eval "$(tailrace completion bash)"', "in ~/.bashrc"],
    ["tailrace completion zsh > ~/.zfunc/_tailrace", "where fpath finds it"],
    ["tailrace completion fish > ~/.config/fish/completions/tailrace.fish", "for fish"],
  ],
  configure: (command) => {
    command.argument("<shell>", Object.keys(SHELLS).join(", "));
  },
  run: async ([shell = ""], _options, io) => {
    const write = Object.entries(SHELLS).find(([name]) => name === shell)?.[1];
    if (write === undefined) {
      throw new UsageError(`the shell is one of: ${Object.keys(SHELLS).join(", ")}`);
    }
    const { agentCommands } = await import("./registry.ts");
    const { aggregatorCommands } = await import("../../aggregator/commands/registry.ts");
    await io.stdout(write(await completables({ ...agentCommands, ...aggregatorCommands })));
    return EXIT_DONE;
  },
});

async function completables(commands: CommandSet): Promise<Completable[]> {
  const found: Completable[] = [];
  for (const [name, load] of Object.entries(commands)) {
    const { command: definition } = await load();
    const probe = new Command(name);
    definition.configure(probe);
    const options = probe.options.map(
      (option) => [option.long ?? option.flags, option.description] as const,
    );
    const all = [...options, ["--help", "show help"] as const];
    found.push({ name, summary: definition.summary, options: all });
  }
  return found;
}

function bash(commands: readonly Completable[]): string {
  const cases = commands.map(
    ({ name, options }) => `    ${name}) words="${options.map(([flag]) => flag).join(" ")}" ;;`,
  );
  return `# tailrace: completion for bash
_tailrace() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="" ;;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _tailrace tailrace tailrace.mjs
`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(commands: readonly Completable[]): string {
  const names = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, options }) => {
    const specs = options.map(([flag, does]) =>
      quoted(`${flag}[${does.replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", "\\:")}]`),
    );
    return `    ${name}) _arguments ${specs.join(" ")} '*:file:_files' ;;`;
  });
  return `#compdef tailrace tailrace.mjs
_tailrace() {
  local -a commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "\${words[2]}" in
${cases.join("\n")}
  esac
}
compdef _tailrace tailrace tailrace.mjs
`;
}

function fish(commands: readonly Completable[]): string {
  const lines: string[] = [];
  for (const { name, summary, options } of commands) {
    lines.push(`complete -c tailrace -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`);
    for (const [flag, does] of options) {
      const condition = quoted(`__fish_seen_subcommand_from ${name}`);
      lines.push(`complete -c tailrace -n ${condition} -l ${flag.slice(2)} -d ${quoted(does)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
