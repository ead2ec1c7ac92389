import { describe, expect, it } from "vitest";
import {
  EventRouter,
  type EventRoutes,
  NO_ROUTES,
} from "../../../../aggregator/collect/route-events.ts";
import { compileName } from "../../../../shared/expression/compile.ts";
import { EVENT_STREAM, event } from "../process/sample-events.ts";

const byUserAndAll: EventRoutes = {
  revision: "ab",
  routes: "cd",
  keyFields: (stream) =>
    stream === EVENT_STREAM
      ? [
          { name: "userId", valueOf: compileName("userId") },
          { name: undefined, valueOf: () => null },
        ]
      : [],
};

describe("events", () => {
  it("go once to every field by which a rule parts their stream, if they have a value of it", () => {
    const router = new EventRouter(1, byUserAndAll);
    router.add("acme", "web-1", event(1, 0, { userId: "ann" }));
    router.add("acme", "web-1", event(2, 0, { amount: 5 }));
    router.add("acme", "web-1", { ...event(3, 0, { userId: "bob" }), stream: "other" });
    const [events = []] = router.take().events;
    expect(events.map(({ keyField, key, event }) => [keyField, key, event.offset])).toEqual([
      ["userId", "ann", 100],
      [undefined, null, 100],
      [undefined, null, 200],
    ]);
    expect(router.take()).toEqual({ events: [[]], holes: [], arrivals: [[]] });
  });

  it("of one value go to one partition, whoever sends them, and different values to all", () => {
    const router = new EventRouter(4, byUserAndAll);
    for (let user = 0; user < 100; user++) {
      for (const agent of ["web-1", "web-2"]) {
        router.add("", agent, event(user, 0, { userId: `user-${user}` }));
      }
    }
    const { events } = router.take();
    const keyed = events.map((part) => part.filter(({ keyField }) => keyField !== undefined));
    for (const part of keyed) expect(part.length).toBeGreaterThan(20);
    const users = keyed.map((part) => new Set(part.map(({ key }) => key)));
    expect(users.reduce((sum, { size }) => sum + size, 0)).toBe(100);
    const unparted = events.filter((part) => part.some(({ keyField }) => keyField === undefined));
    expect(unparted).toHaveLength(1);
  });

  it("of streams that no rule sees go nowhere, and so do their gaps", () => {
    const router = new EventRouter(2, NO_ROUTES);
    const hole = { stream: EVENT_STREAM, fromMs: 0, toMs: 1, count: 1 };
    router.add("", "web-1", event(1, 0, { userId: "ann" }));
    router.addHole("", hole);
    expect(router.take()).toEqual({ events: [[], []], holes: [], arrivals: [[], []] });
    router.routes = byUserAndAll;
    router.addHole("acme", hole);
    expect(router.take().holes).toEqual([{ tenant: "acme", hole }]);
  });

  it("go once to the archive, whether or not rules see them, and so do gaps", () => {
    const router = new EventRouter(4, byUserAndAll, true);
    const hole = { stream: "other", fromMs: 0, toMs: 1, count: 1 };
    const events = [event(1, 0, { userId: "ann" }), { ...event(2, 0, {}), stream: "other" }];
    for (const one of events) router.add("acme", "web-1", one);
    router.addHole("acme", hole);
    const arrivals = router.take().arrivals.flat();
    expect(arrivals).toHaveLength(3);
    expect(arrivals).toEqual(
      expect.arrayContaining([
        ...events.map((one) => ({ kind: "event", tenant: "acme", agent: "web-1", event: one })),
        { kind: "hole", tenant: "acme", hole },
      ]),
    );
  });
});
