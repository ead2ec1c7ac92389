import { describe, expect, it } from "vitest";
import { readEvent } from "../../../../aggregator/rules/read-event.ts";

describe("an event in JSON", () => {
  it("may have its fields in an object of their own", () => {
    const value = { id: 3, ts: 5, key: "k", type: "A", fields: { v: 1 } };
    expect(readEvent(value, 9)).toEqual(value);
  });

  it("may be flat, with its time as number or text", () => {
    const event = { timestamp: "2026-11-20T10:00:00.5+01:00", type: "LOGIN", userId: "u1" };
    expect(readEvent(event, 9)).toEqual({
      id: 9,
      ts: Date.UTC(2026, 10, 20, 9, 0, 0, 500),
      key: null,
      type: "LOGIN",
      fields: event,
    });
    expect(readEvent({ ts: 5, eventType: "PAID" }, 9)).toMatchObject({ type: "PAID" });
    expect(readEvent({ ts: 5.9, id: "x" }, 9)).toMatchObject({ id: "x", ts: 5, type: null });
  });

  it("may be what `parse` writes of a line of any format", () => {
    const derived = { service: "sshd", level: "INFO", message: "no", duration: null };
    const head = { time: "2026-11-20T10:00:00.500Z", stream: "application-logs" };
    const event = { ...head, ...derived, fields: { source_ip: "10.0.0.9", level: "auth" } };
    expect(readEvent(event, 9)).toEqual({
      ...{ id: 9, ts: Date.UTC(2026, 10, 20, 10, 0, 0, 500), key: null, type: null },
      fields: { ...derived, source_ip: "10.0.0.9", level: "auth" },
    });
  });

  it.each([
    [[], "not_an_object"],
    [null, "not_an_object"],
    [{ type: "A" }, "no_time"],
    [{ time: "yesterday" }, "bad_time"],
    [{ time: "2026-11-20T10:00:00" }, "bad_time"],
    [{ time: "2026-13-20T10:00:00Z" }, "bad_time"],
    [{ ts: null }, "no_time"],
    [{ ts: {} }, "bad_time"],
    [{ ts: 9e15 }, "bad_time"],
    [{ ts: 9e15, fields: {} }, "bad_time"],
  ])("is none when it is %j", (value, reason) => {
    expect(readEvent(value, 1)).toBe(reason);
  });
});
