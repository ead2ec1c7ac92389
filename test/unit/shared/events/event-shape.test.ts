import { describe, expect, it } from "vitest";
import { FIELD_NAMES_DEFAULT } from "../../../../shared/events/event-fields.ts";
import { EVENT_TIME_NAMES, eventOfFields } from "../../../../shared/events/event-shape.ts";

describe("the event of fields", () => {
  it("has the first type that is text, and a key and an id of its own where the fields name them", () => {
    const fields = { type: 7, eventType: "PAID", event_type: "x", key: 5, id: "e1", other: null };
    expect(eventOfFields(fields, 9, 1)).toEqual({
      ...{ id: "e1", ts: 9, key: "5", type: "PAID" },
      fields,
    });
    expect(eventOfFields({ key: true, id: null }, 9, 1)).toMatchObject({
      ...{ id: 1, key: null, type: null },
    });
  });

  it("has its time under the names that lines have", () => {
    expect(EVENT_TIME_NAMES).toEqual(FIELD_NAMES_DEFAULT.time);
  });
});
