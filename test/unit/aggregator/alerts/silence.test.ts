import { describe, expect, it } from "vitest";
import {
  silenceRequestSchema,
  silenceStatus,
  silencesOf,
  silenceTurnMs,
} from "../../../../aggregator/alerts/silence.ts";

const at = (minute: number) => Date.UTC(2026, 10, 20, 10, minute);
const iso = (minute: number) => new Date(at(minute)).toISOString();
const matchers = [{ name: "service", value: "orders", isRegex: false, isEqual: true }];
const silence = {
  ...{ id: "s", matchers, startsAt: iso(5), endsAt: iso(10), createdBy: "ann" },
  ...{ comment: "c", updatedAt: iso(0) },
};

describe("a silence", () => {
  it("is pending, active and expired, half open", () => {
    const statuses = [4, 5, 9, 10].map((minute) => silenceStatus(silence, at(minute)));
    expect(statuses).toEqual(["pending", "active", "active", "expired"]);
    expect([4, 5, 10].map((minute) => silenceTurnMs(silence, at(minute)))).toEqual([
      at(5),
      at(10),
      undefined,
    ]);
  });

  it("keeps quiet what fits while it is active", () => {
    expect(silencesOf({ service: "orders" }, [silence], at(6))).toEqual(["s"]);
    expect(silencesOf({ service: "other" }, [silence], at(6))).toEqual([]);
    expect(silencesOf({ service: "orders" }, [silence], at(10))).toEqual([]);
  });

  it("that would fit everything is refused", () => {
    const request = { endsAt: iso(10), createdBy: "ann", comment: "c" };
    const all = [{ name: "service", value: ".*", isRegex: true }];
    expect(silenceRequestSchema.safeParse({ ...request, matchers: all }).success).toBe(false);
    expect(silenceRequestSchema.safeParse({ ...request, matchers }).success).toBe(true);
  });
});
