import type { KeyedEvent } from "../../../../aggregator/log/keyed-event.ts";
import type { StateView } from "../../../../aggregator/log/log.ts";
import { loadRules, type Rule } from "../../../../aggregator/rules/load-rules.ts";
import { RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import type { AlertRow } from "../../../../aggregator/state/alert-row.ts";
import { readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import type { SelectedEvent } from "../../../../shared/protocol/selected-event.ts";
import { TEN_MS } from "../collect/sample-agent.ts";

/** The stream of the samples. */
export const EVENT_STREAM = "business-events";

/** A payment above 100, and as the user's very next event one above 50, within five minutes. */
export const FRAUD = `
name: fraud
summary: A large payment, and right after it another one.
stream: business-events
key: userId
within: 5m
stages:
  - { name: first, where: "amount > 100" }
  - { name: second, contiguity: next, where: "amount > 50" }
alert: { type: FRAUD_SUSPICION, severity: critical, message: "{{key}} paid {{first(first.amount)}} and {{first(second.amount)}}" }
`;

/** A login after which nothing else comes for a minute. */
export const SILENCE = `
name: silence
summary: A login, and then nothing for a minute.
stream: business-events
key: userId
within: 1m
stages:
  - { name: login, where: "type == 'LOGIN'" }
  - { name: more, contiguity: notFollowedBy, where: "amount > 0" }
alert: { type: SILENCE, severity: info, message: "{{key}} went away" }
`;

/** A login after which no two payments come within half a minute, told once in two minutes. */
export const NO_SALE = `
name: no-sale
summary: A login, and no two payments within half a minute.
stream: business-events
key: userId
within: 30s
onTimeout: alert
stages:
  - { name: login, where: "type == 'LOGIN'" }
  - { name: paid, contiguity: followedBy, where: "amount > 0", times: { min: 2, max: null } }
alert: { type: NO_SALE, severity: warning, message: "{{key}} looked {{count(login)}}", cooldown: 2m }
`;

/** Three payments of anybody. */
export const CROWD = `
name: crowd
summary: Three payments of anybody, one behind the other.
stream: business-events
within: 1m
skip: skipPastLastEvent
stages:
  - { name: payments, where: "amount > 0", times: { min: 3, max: 3 } }
alert: { type: CROWD, severity: info, message: "{{sum(payments.amount)}} paid" }
`;

export const BURST = `
name: burst
summary: Three payments of a user, of other amounts, faster than one in twenty seconds.
stream: business-events
key: userId
stages:
  - { name: payments, where: "amount > 0", times: { min: 3, max: 3 }, leak: 20s, distinct: amount }
alert: { type: BURST, severity: info, cooldown: 1m, message: "{{sum(payments.amount)}} paid" }
`;

/** Rules of texts as in rule files. */
export function rulesOf(...texts: readonly string[]): readonly Rule[] {
  const { rules, faults } = loadRules(
    texts.map((text, index) => ({ file: `${index}.yaml`, text })),
  );
  if (rules === undefined) throw new Error(JSON.stringify(faults));
  return rules;
}

/** Rules in use, for which agents need no selectors. */
export function ruleSet(...texts: readonly string[]): RuleSet {
  return new RuleSet(rulesOf(...texts), { revision: "", selectors: [] });
}

/** The `index`th event of a file, `seconds` after ten o'clock. */
export function event(
  index: number,
  seconds: number,
  fields: Readonly<Record<string, unknown>>,
): SelectedEvent {
  const { type, ...rest } = fields;
  return {
    stream: EVENT_STREAM,
    source: "app",
    file: 1,
    generation: 0,
    offset: index * 100,
    index: 0,
    timeMs: TEN_MS + seconds * 1_000,
    type: typeof type === "string" ? type : null,
    fields: rest,
  };
}

/** The event of a user as stage 1 hands it over. */
export function eventOf(user: string, sample: SelectedEvent): KeyedEvent {
  const fields = { ...sample.fields, userId: user };
  const parts = { tenant: "", agent: "web-1", keyField: "userId", key: user };
  return { ...parts, event: { ...sample, fields } };
}

/** All alerts of a partition in the order in which they were raised. */
export function alertsOf(view: StateView): AlertRow[] {
  return readAlerts(view, 0, 1_000_000).map(({ alert }) => alert);
}

/** `time message` of alerts, time in seconds after ten o'clock. */
export function told(alerts: readonly AlertRow[]): string[] {
  return alerts.map(({ timestampMs, json }) => {
    const { message }: { message: string } = JSON.parse(json);
    return `${(timestampMs - TEN_MS) / 1_000} ${message}`;
  });
}
