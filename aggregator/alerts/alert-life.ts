/**
 * The life of a threshold alert of one key, as a pure machine: samples come in the order of event time, and what happens comes out.
 *
 * ```text
 *            breach                breach for `for`
 *   quiet ──────────▶ pending ─────────────────────▶ firing ──▶ quiet
 *     ▲                  │  no breach, or silence      │  ▲      clear for `resolve.for`, or silence;
 *     └──────────────────┘                             └──┘      then it cools down
 * ```
 *
 * A sample says whether the condition holds (a breach) and whether the alert may end (clear); with hysteresis there is something between.
 * Silence of `staleAfterMs` ends both a pending and a firing alert, since nobody knows any more. Of a rule about silence itself it is the other
 * way round: silence fires, and any sample resolves. Acknowledging changes nothing here: it says what people know, not what is so.
 */

/** How long what must hold; milliseconds. */
export interface LifeSettings {
  /** The condition must hold this long before it fires; 0: one sample is enough. */
  readonly forMs: number;
  /** It must be clear this long before it resolves; 0: one sample is enough. */
  readonly resolveForMs: number;
  /** After it resolved nothing fires for this long. */
  readonly cooldownMs: number;
  /** Silence after which what was pending or firing is over; of a rule about silence it is longer than `missingMs`. */
  readonly staleAfterMs: number;
  /** Of a rule about silence: how long it must be; undefined for every other rule. */
  readonly missingMs: number | undefined;
}

/** What one window says. Times are event times in milliseconds, half-open. */
export interface Sample {
  readonly fromMs: number;
  readonly toMs: number;
  readonly isBreach: boolean;
  readonly isClear: boolean;
}

/** From when to when something fired; `toMs` is undefined while it does. */
export interface Episode {
  readonly fromMs: number;
  readonly toMs: number | undefined;
}

/** What is known of one key. Never changed: every step makes a new one. */
export interface LifeState {
  readonly phase: "quiet" | "pending" | "firing";
  /** End of the newest sample. */
  readonly lastMs: number;
  /** Start of the first sample of the breach that is pending or firing. */
  readonly sinceMs: number | undefined;
  /** While firing: start of the first of the newest samples that were clear. */
  readonly clearSinceMs: number | undefined;
  /** Nothing fires up to this. */
  readonly cooldownUntilMs: number | undefined;
  /** The newest episodes, oldest first. */
  readonly episodes: readonly Episode[];
}

/** What happened, at an event time. `sinceMs` names the episode. */
export interface Transition {
  readonly kind: "pending" | "lapsed" | "fired" | "resolved";
  readonly atMs: number;
  readonly sinceMs: number;
  /** Why it is over: the condition no longer holds, or nothing came any more. */
  readonly reason: "condition" | "silence";
  /** True when a window that was corrected fired it. */
  readonly isLate: boolean;
}

/** A new state, and what led to it, in order. */
export interface LifeStep {
  readonly state: LifeState;
  readonly transitions: readonly Transition[];
  /** True when the sample was a breach that the cooldown kept quiet. */
  readonly isCooledDown: boolean;
}

/** Older ones are forgotten; corrections of so old windows fire nothing. */
export const EPISODE_COUNT_MAX = 16;

/** The state of a key that has shown nothing yet; `lastMs` is the start of its first sample. */
export function beginLife(lastMs: number): LifeState {
  return {
    phase: "quiet",
    lastMs,
    sinceMs: undefined,
    clearSinceMs: undefined,
    cooldownUntilMs: undefined,
    episodes: [],
  };
}

/** Takes the next sample; one that ends no later than the newest changes nothing. */
export function takeSample(before: LifeState, settings: LifeSettings, sample: Sample): LifeStep {
  if (sample.toMs <= before.lastMs) return unchanged(before);
  // Whatever was due before this sample came: it must not matter whether anybody looked in between.
  const { state, transitions } = passTime(before, settings, sample.toMs - 2);
  const seen = { ...state, lastMs: sample.toMs };
  const step =
    settings.missingMs === undefined
      ? judge(seen, settings, sample)
      : resolveIfFiring(seen, settings, sample.toMs, "condition");
  return { ...step, transitions: [...transitions, ...step.transitions] };
}

/** Lets event time pass without a sample: nothing of a time up to `nowMs` is to come. */
export function passTime(before: LifeState, settings: LifeSettings, nowMs: number): LifeStep {
  let state = before;
  const transitions: Transition[] = [];
  for (;;) {
    const dueMs = lifeDueMs(state, settings);
    if (dueMs === undefined || dueMs > nowMs) return { state, transitions, isCooledDown: false };
    const step = fallSilent(state, settings, dueMs);
    state = step.state;
    transitions.push(...step.transitions);
  }
}

/** When {@link passTime} would change something; undefined: never. */
export function lifeDueMs(state: LifeState, settings: LifeSettings): number | undefined {
  const { phase, lastMs, episodes } = state;
  if (phase !== "quiet") return lastMs + settings.staleAfterMs;
  // One silence is told once, also when it was forgotten in the end.
  if (settings.missingMs === undefined || episodes.at(-1)?.fromMs === lastMs) return undefined;
  return lastMs + settings.missingMs;
}

function fallSilent(state: LifeState, settings: LifeSettings, atMs: number): LifeStep {
  if (state.phase === "firing") return resolveIfFiring(state, settings, atMs, "silence");
  if (settings.missingMs !== undefined) return fire(state, atMs, state.lastMs, false);
  return lapse(state, atMs, "silence");
}

/** Takes a breach that is known before its window is over: it can only make fire. */
export function takeEarly(state: LifeState, settings: LifeSettings, sample: Sample): LifeStep {
  if (sample.toMs <= state.lastMs || state.phase === "firing") return unchanged(state);
  // Of the windows between the newest and this one nobody knows yet.
  const isNext = sample.fromMs <= state.lastMs;
  const sinceMs = isNext ? (state.sinceMs ?? sample.fromMs) : sample.fromMs;
  if (!sample.isBreach || sample.toMs - sinceMs < settings.forMs) return unchanged(state);
  if (isCool(state, sample.toMs)) return unchanged(state);
  return fire(state, sample.toMs, sinceMs, false);
}

/**
 * Takes a window of the past that says something else now. It can only make fire what did not fire for it, and only when nothing fires
 * anyway. `sinceMs` is the start of the breach that it belongs to.
 */
export function takeCorrection(
  state: LifeState,
  settings: LifeSettings,
  sample: Sample,
  sinceMs: number,
): LifeStep {
  if (!sample.isBreach || state.phase === "firing" || settings.missingMs !== undefined) {
    return unchanged(state);
  }
  if (sample.toMs - sinceMs < settings.forMs || hasFired(state, sample)) return unchanged(state);
  const fired = fire(state, sample.toMs, sinceMs, true);
  if (state.phase !== "pending" || state.sinceMs === sinceMs) return fired;
  // What was pending is part of what fires now, under another name.
  const { transitions } = lapse(state, sample.toMs, "condition");
  return { ...fired, transitions: [...transitions, ...fired.transitions] };
}

function hasFired({ episodes }: LifeState, { fromMs, toMs }: Sample): boolean {
  const [oldest] = episodes;
  const isForgotten =
    episodes.length >= EPISODE_COUNT_MAX && oldest !== undefined && toMs <= oldest.fromMs;
  return (
    isForgotten ||
    episodes.some((episode) => fromMs < (episode.toMs ?? toMs) && toMs > episode.fromMs)
  );
}

function judge(state: LifeState, settings: LifeSettings, sample: Sample): LifeStep {
  const { isBreach, isClear, fromMs, toMs } = sample;
  if (state.phase === "firing") {
    if (isBreach || !isClear) return unchanged({ ...state, clearSinceMs: undefined });
    const clearSinceMs = state.clearSinceMs ?? fromMs;
    const clear = { ...state, clearSinceMs };
    if (toMs - clearSinceMs < settings.resolveForMs) return unchanged(clear);
    return resolveIfFiring(clear, settings, toMs, "condition");
  }
  if (!isBreach) {
    return state.phase === "pending" ? lapse(state, toMs, "condition") : unchanged(state);
  }
  if (isCool(state, toMs)) return { state, transitions: [], isCooledDown: true };
  const sinceMs = state.sinceMs ?? fromMs;
  if (toMs - sinceMs >= settings.forMs) return fire(state, toMs, sinceMs, false);
  if (state.phase === "pending") return unchanged(state);
  return changed(
    { ...state, phase: "pending", sinceMs },
    { kind: "pending", atMs: toMs, sinceMs, reason: "condition", isLate: false },
  );
}

function isCool({ cooldownUntilMs }: LifeState, timeMs: number): boolean {
  return cooldownUntilMs !== undefined && timeMs <= cooldownUntilMs;
}

function fire(state: LifeState, atMs: number, sinceMs: number, isLate: boolean): LifeStep {
  const episodes = [...state.episodes, { fromMs: sinceMs, toMs: undefined }];
  return changed(
    {
      ...state,
      phase: "firing",
      sinceMs,
      clearSinceMs: undefined,
      episodes: episodes.slice(-EPISODE_COUNT_MAX),
    },
    { kind: "fired", atMs, sinceMs, reason: "condition", isLate },
  );
}

function lapse(state: LifeState, atMs: number, reason: Transition["reason"]): LifeStep {
  const { sinceMs = atMs } = state;
  return changed(
    { ...state, phase: "quiet", sinceMs: undefined },
    { kind: "lapsed", atMs, sinceMs, reason, isLate: false },
  );
}

function resolveIfFiring(
  state: LifeState,
  settings: LifeSettings,
  atMs: number,
  reason: Transition["reason"],
): LifeStep {
  const { phase, sinceMs } = state;
  if (phase !== "firing" || sinceMs === undefined) return unchanged(state);
  const episodes = state.episodes.map((episode) =>
    episode.toMs === undefined ? { ...episode, toMs: atMs } : episode,
  );
  return changed(
    {
      ...state,
      phase: "quiet",
      sinceMs: undefined,
      clearSinceMs: undefined,
      cooldownUntilMs: settings.cooldownMs > 0 ? atMs + settings.cooldownMs : undefined,
      episodes,
    },
    { kind: "resolved", atMs, sinceMs, reason, isLate: false },
  );
}

function unchanged(state: LifeState): LifeStep {
  return { state, transitions: [], isCooledDown: false };
}

function changed(state: LifeState, transition: Transition): LifeStep {
  return { state, transitions: [transition], isCooledDown: false };
}
