/** Facts that stand beside a log message. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** The program's own log. error: data lost or a person needed; warn: unexpected but recovered; info: an action finished; debug: never per line. */
export interface Logger {
  error(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  debug(message: string, facts?: Facts): void;
}

const severities = ["debug", "info", "warn", "error"] as const;

/** How much of its own log a program prints. */
export type LogLevel = (typeof severities)[number];

/** A logger that writes one line per message, `TIME LEVEL MESSAGE key=value …`, from `level` up. */
export function textLogger(
  write: (line: string) => void,
  now: () => number,
  level: LogLevel,
): Logger {
  const lowest = severities.indexOf(level);
  const print = (severity: LogLevel, message: string, facts: Facts = {}) => {
    if (severities.indexOf(severity) < lowest) return;
    let line = `${new Date(now()).toISOString()} ${severity.padEnd(5)} ${message}`;
    for (const [name, value] of Object.entries(facts)) {
      if (value === undefined) continue;
      const text = String(value);
      line += ` ${name}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`;
    }
    write(`${line}\n`);
  };
  return {
    error: (message, facts) => print("error", message, facts),
    warn: (message, facts) => print("warn", message, facts),
    info: (message, facts) => print("info", message, facts),
    debug: (message, facts) => print("debug", message, facts),
  };
}
