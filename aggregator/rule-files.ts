/**
 * The rule files that a configuration names: read at the start, and again whenever one of them changed. Only files that are all right take
 * effect, together; otherwise the rules before stay in use, and every fault is told.
 */
import { dirname } from "node:path";
import type { ConfigFault } from "../shared/config/load.ts";
import { faultLines } from "../shared/config/report-faults.ts";
import { systemReason } from "../shared/errors.ts";
import type { Logger } from "../shared/log.ts";
import type { Disk } from "../shared/platform/disk.ts";
import type { Platform } from "../shared/platform/platform.ts";
import { readWholeFile } from "../shared/platform/read-whole-file.ts";
import { Wake } from "../shared/wake.ts";
import { loadRules, type RuleText } from "./rules/load-rules.ts";
import { METRICS_KEY, METRICS_STREAM, NO_RULE_SET, RuleSet } from "./rules/rule-set.ts";
import { selectorsOf } from "./rules/selectors.ts";

/** A change that was not told is found after this. */
const LOOK_MS = 10_000;
/** An editor may write a file in several steps. */
const SETTLE_MS = 200;

/** Rules, or everything that is wrong with their files: never both. */
export type LoadedRuleSet =
  | { readonly rules: RuleSet; readonly faults?: never }
  | { readonly faults: readonly ConfigFault[]; readonly rules?: never };

/** Rule files that are followed. */
export class RuleFiles {
  readonly #platform: Platform;
  readonly #patterns: readonly string[];
  readonly #logger: Logger;
  readonly #wake: Wake;
  readonly #stop = new AbortController();
  #current: RuleSet = NO_RULE_SET;
  /** What was read last, right or wrong. */
  #seen = "";
  #following: Promise<void> | undefined;

  /** `patterns`: paths of files and folders, and globs. */
  constructor(platform: Platform, patterns: readonly string[], logger: Logger) {
    this.#platform = platform;
    this.#patterns = patterns;
    this.#logger = logger;
    this.#wake = new Wake(platform.timers);
  }

  /** The rules in use. */
  get current(): RuleSet {
    return this.#current;
  }

  /** Reads the files for the first time and resolves with what is wrong; nothing is in use then. Follows them from then on. */
  async open(): Promise<readonly ConfigFault[]> {
    const faults = (await this.#read()) ?? [];
    if (faults.length === 0 && this.#patterns.length > 0) this.#following = this.#follow();
    return faults;
  }

  /** Looks at the files soon. */
  reload(): void {
    this.#wake.wake();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.wake();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { disk, timers } = this.#platform;
    const watcher = disk.watch(this.#patterns.map(directoryOf), () => this.reload());
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#wake.wait(LOOK_MS);
      await timers.sleep(SETTLE_MS, signal);
      if (signal.aborted) break;
      const faults = await this.#read();
      if (faults === undefined) continue;
      if (faults.length === 0) {
        const { rules, thresholds } = this.#current;
        const configs = [
          ...rules.map(({ rule }) => rule.config),
          ...thresholds.map((one) => one.config),
        ];
        const names = configs.map(({ name }) => name).join(", ");
        this.#logger.info("rules were read again and are in use", { rules: names });
      } else {
        const text = faultLines(faults);
        this.#logger.error(`rules changed and are wrong, so those before stay in use:\n${text}`);
      }
    }
    await watcher.close();
  }

  /** What is wrong; undefined when the files are as they were. */
  async #read(): Promise<readonly ConfigFault[] | undefined> {
    const { texts, faults } = await readTexts(this.#platform.disk, this.#patterns);
    const seen = JSON.stringify([texts, faults]);
    if (seen === this.#seen) return undefined;
    this.#seen = seen;
    if (faults.length > 0) return faults;
    const loaded = makeRuleSet(texts);
    if (loaded.faults !== undefined) return loaded.faults;
    this.#current = loaded.rules;
    return [];
  }
}

/** The rules of the texts of rule files, as an aggregator can run them. */
export function makeRuleSet(texts: readonly RuleText[]): LoadedRuleSet {
  const { rules, thresholds, faults } = loadRules(texts);
  if (faults !== undefined) return { faults };
  const unfit = rules.flatMap(({ file, config, automaton }) => {
    if (config.stream !== METRICS_STREAM || automaton.key === METRICS_KEY) return [];
    const message = `expected ${METRICS_KEY}: an aggregator parts ${METRICS_STREAM} by it alone`;
    return [{ ...placeOf({ file }), path: "key", message }];
  });
  if (unfit.length > 0) return { faults: unfit };
  return { rules: new RuleSet(rules, selectorsOf(rules), thresholds) };
}

async function readTexts(
  disk: Disk,
  patterns: readonly string[],
): Promise<{ readonly texts: readonly RuleText[]; readonly faults: readonly ConfigFault[] }> {
  const faults: ConfigFault[] = [];
  const files = new Set<string>();
  for (const pattern of patterns) {
    const found = await filesOf(disk, pattern);
    for (const file of found) files.add(file);
    if (found.length > 0 || isGlob(pattern)) continue;
    faults.push({ ...placeOf({ file: pattern }), path: "", message: "there is no such rule file" });
  }
  const texts: RuleText[] = [];
  for (const file of files) {
    try {
      texts.push({ file, text: (await readWholeFile(disk, file)).toString("utf8") });
    } catch (error) {
      const message = `cannot be read: ${systemReason(error)}`;
      faults.push({ ...placeOf({ file }), path: "", message });
    }
  }
  return { texts, faults };
}

/** The files that a pattern names; a folder stands for the rule files in it. */
async function filesOf(disk: Disk, pattern: string): Promise<readonly string[]> {
  const inFolder = await disk.glob(`${pattern.replace(/\/+$/, "")}/*.{yaml,yml}`);
  return inFolder.length > 0 ? inFolder : disk.glob(pattern);
}

function isGlob(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** The folder below which all files of a pattern lie. */
function directoryOf(pattern: string): string {
  const parts = pattern.split("/");
  const firstGlob = parts.findIndex(isGlob);
  if (firstGlob < 0) return dirname(pattern);
  return parts.slice(0, firstGlob).join("/") || (pattern.startsWith("/") ? "/" : ".");
}

function placeOf({ file }: { readonly file: string }) {
  return { file, line: 1, column: 1 };
}
