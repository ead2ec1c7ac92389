import { durationText } from "../../shared/config/quantity.ts";
import type { Automaton, AutomatonState, Edge } from "./automaton.ts";

/** The automaton for people: each state with its edges, in the order in which they are tried. */
export function explainText(automaton: Automaton): string {
  const lines = [factsOf(automaton)];
  for (const state of reachable(automaton)) {
    lines.push(`${state.name} (${kindOf(state)})`);
    for (const edge of state.edges) {
      lines.push(`  ${edge.action.padEnd(7)} -> ${edge.target.name}${whenText(edge)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The automaton as a graph for Graphviz (`dot -Tsvg`). */
export function explainGraph(automaton: Automaton, name: string): string {
  const lines = [
    `digraph ${quoted(name)} {`,
    "  rankdir=LR;",
    `  label=${quoted(factsOf(automaton))};`,
  ];
  for (const state of reachable(automaton)) {
    const shape = SHAPES[state.kind];
    lines.push(`  ${quoted(state.name)} [shape=${shape}${state.isStart ? ", style=bold" : ""}];`);
  }
  for (const state of reachable(automaton)) {
    for (const edge of state.edges) {
      const label = quoted(`${edge.action}${whenText(edge)}`);
      const style = STYLES[edge.action];
      lines.push(
        `  ${quoted(state.name)} -> ${quoted(edge.target.name)} [label=${label}, style=${style}];`,
      );
    }
  }
  return `${lines.join("\n")}\n}\n`;
}

const SHAPES = { normal: "ellipse", final: "doublecircle", stop: "octagon", pending: "diamond" };
const STYLES = { take: "solid", ignore: "dotted", proceed: "dashed" };

function factsOf({ key, withinMs, skip, bucket }: Automaton): string {
  const by = key === undefined ? "one state for all events" : `by ${key}`;
  const within = withinMs === undefined ? "no time limit" : `within ${durationText(withinMs)}`;
  if (bucket !== undefined) {
    const leak = durationText(bucket.leakMs);
    return `${by}, a match when it holds more than ${bucket.capacity}, of which one leaks each ${leak}`;
  }
  const target = skip.stage === undefined ? "" : ` ${skip.stage}`;
  return `${by}, ${within}, ${skip.kind}${target}`;
}

function kindOf(state: AutomatonState): string {
  if (state.isStart) return "start";
  return {
    normal: "waits",
    final: "match",
    stop: "ends the partial match",
    pending: "match when the time runs out",
  }[state.kind];
}

function whenText({ condition }: Edge): string {
  return condition.text === "true" ? "" : ` when ${condition.text}`;
}

/** The states that a partial match can be in, from the start on. */
function reachable(automaton: Automaton): AutomatonState[] {
  const found = new Set<AutomatonState>([automaton.start]);
  for (const state of found) for (const { target } of state.edges) found.add(target);
  return [...found];
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
