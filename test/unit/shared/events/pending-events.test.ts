import { describe, expect, it } from "vitest";
import { eventOfFields } from "../../../../shared/events/event-shape.ts";
import { PendingEvents } from "../../../../shared/events/pending-events.ts";
import { eventBytes } from "../../../../shared/protocol/event-limits.ts";

const place = { stream: "s", source: "app", file: 1, generation: 0, offset: 7, index: 0 };

function add(pending: PendingEvents, fields: Record<string, unknown>, timeMs = 5): void {
  pending.add(eventOfFields(fields, timeMs, ""), ["user", "text", "__proto__"], place, 99);
}

describe("events that wait for a seal", () => {
  it("travel with the named fields that they have, and are counted as selected and sent", () => {
    const pending = new PendingEvents();
    add(pending, { type: "A", user: "u1", other: 1 });
    add(pending, JSON.parse('{"__proto__": {"user": 1}}'), 3);
    const { events, holes, entries } = pending.take(false);
    expect(events.map(({ fields }) => Object.entries(fields))).toEqual([
      [["user", "u1"]],
      [["__proto__", { user: 1 }]],
    ]);
    expect(events[0]).toEqual({ ...place, timeMs: 5, type: "A", fields: { user: "u1" } });
    expect(holes).toEqual([]);
    const bytes = events.reduce((sum, event) => sum + eventBytes(event), 0);
    expect(entries).toEqual([
      { kind: "events_sent", reason: "", lines: 2, bytes },
      { kind: "events_selected", reason: "", lines: 2, bytes },
    ]);
    expect(pending.take(false)).toEqual({ events: [], holes: [], entries: [] });
  });

  it("become a hole when the seal sheds them", () => {
    const pending = new PendingEvents();
    add(pending, {}, 5);
    add(pending, {}, -3);
    expect(pending.take(true)).toEqual({
      events: [],
      holes: [{ stream: "s", fromMs: -3, toMs: 5, count: 2 }],
      entries: [
        { kind: "events_shed", reason: "spool_full", lines: 2, bytes: 64 },
        { kind: "events_selected", reason: "", lines: 2, bytes: 64 },
      ],
    });
    expect([pending.bytes, pending.take(true).holes]).toEqual([0, []]);
  });

  it("are shed at once when they are too large, or beyond the times that travel", () => {
    const pending = new PendingEvents();
    add(pending, { text: "x".repeat(20_000) });
    add(pending, {}, 8e15);
    add(pending, {});
    const { events, holes, entries } = pending.take(false);
    expect(events).toHaveLength(1);
    expect(holes).toEqual([{ stream: "s", fromMs: 5, toMs: 4e15, count: 2 }]);
    expect(entries).toEqual([
      { kind: "events_shed", reason: "too_large", lines: 1, bytes: 99 },
      { kind: "events_shed", reason: "bad_time", lines: 1, bytes: 32 },
      { kind: "events_sent", reason: "", lines: 1, bytes: 32 },
      { kind: "events_selected", reason: "", lines: 3, bytes: 163 },
    ]);
  });

  it("are full at about a batch, and bounded whatever one read brings", () => {
    const pending = new PendingEvents();
    const text = "x".repeat(10_000);
    for (let count = 0; count < 104; count++) add(pending, { text });
    expect(pending.isFull).toBe(false);
    add(pending, { text });
    expect(pending.isFull).toBe(true);
    for (let count = 0; count < 1000; count++) add(pending, { text });
    expect(pending.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    const { events, entries } = pending.take(false);
    const shed = entries.find(({ kind }) => kind === "events_shed");
    expect(shed).toMatchObject({ reason: "buffer_full" });
    expect(events.length + (shed?.lines ?? 0)).toBe(1105);
  });
});
