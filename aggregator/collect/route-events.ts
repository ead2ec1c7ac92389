/** Sends the events of batches to the partitions of stage 2 in which rules see them, and to the one that archives them. */
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";
import { expressionEvent, type KeyedEvent, type KeyedHole } from "../log/keyed-event.ts";
import { partitionOf } from "../log/partition.ts";
import type { Arrival } from "../state/archive-rows.ts";

/** One field that parts a stream, with what reads it. */
export interface EventField {
  /** Undefined: events are not parted, all of a stream go to one partition. */
  readonly name: string | undefined;
  readonly valueOf: (event: ExpressionEvent) => Value;
}

/** What decides where events go. */
export interface EventRoutes {
  /** Revision of the selectors by which agents are to select what is routed here. */
  readonly revision: string;
  /** The same for the same fields of the same streams. */
  readonly routes: string;
  /** The fields that part a stream; empty when nobody wants its events. */
  keyFields(stream: string): readonly EventField[];
}

/** No event goes anywhere. */
export const NO_ROUTES: EventRoutes = { revision: "", routes: "", keyFields: () => [] };

/** Events and gaps of applied batches, by partition of stage 2. */
export class EventRouter {
  private readonly partitionCount: number;
  private readonly hasArchive: boolean;
  private events: KeyedEvent[][];
  private arrivals: Arrival[][];
  private holes: KeyedHole[] = [];
  /** May change between two batches. */
  routes: EventRoutes;

  /** `partitionCount` is that of stage 2; `hasArchive`: all that comes is archived, whether or not rules see it. */
  constructor(partitionCount: number, routes: EventRoutes, hasArchive = false) {
    this.partitionCount = partitionCount;
    this.routes = routes;
    this.hasArchive = hasArchive;
    this.events = this.nothing();
    this.arrivals = this.nothing();
  }

  /** Takes one event of a batch: once for every field of which it has a value. */
  add(tenant: string, agent: string, event: SelectedEvent): void {
    const { stream } = event;
    if (this.hasArchive) this.arrive({ kind: "event", tenant, agent, event }, [agent, stream]);
    for (const { name, valueOf } of this.routes.keyFields(stream)) {
      const key = valueOf(expressionEvent(event, ""));
      if (key === null && name !== undefined) continue;
      const names = [tenant, stream, name ?? "", JSON.stringify(key)];
      const partition = partitionOf(names, this.partitionCount);
      this.events[partition]?.push({ tenant, agent, keyField: name, key, event });
    }
  }

  /** Takes a gap in the events of a batch, of which every partition hears. */
  addHole(tenant: string, hole: Hole): void {
    if (this.hasArchive) this.arrive({ kind: "hole", tenant, hole }, [hole.stream]);
    if (this.routes.keyFields(hole.stream).length > 0) this.holes.push({ tenant, hole });
  }

  /** Takes a raw line of a batch. */
  addLine(tenant: string, agent: string, line: SelectedLine): void {
    this.arrive({ kind: "line", tenant, agent, line }, [line.stream, line.service]);
  }

  /** What was added since the last take. */
  take(): {
    readonly events: readonly (readonly KeyedEvent[])[];
    readonly holes: readonly KeyedHole[];
    readonly arrivals: readonly (readonly Arrival[])[];
  } {
    const taken = { events: this.events, holes: this.holes, arrivals: this.arrivals };
    this.events = this.nothing();
    this.arrivals = this.nothing();
    this.holes = [];
    return taken;
  }

  private arrive(arrival: Arrival, names: readonly string[]): void {
    const partition = partitionOf([arrival.tenant, ...names], this.partitionCount);
    this.arrivals[partition]?.push(arrival);
  }

  private nothing<Item>(): Item[][] {
    return Array.from({ length: this.partitionCount }, () => []);
  }
}
