import { describe, expect, it } from "vitest";
import { eventsOfStage, SharedBuffer, stagesOf } from "../../../../aggregator/cep/shared-buffer.ts";
import { AssertionError } from "../../../../shared/assert.ts";
import { eventsOf } from "./sample-patterns.ts";

const [first, second, third] = eventsOf("A@0 A@1 B@2");

function held(buffer: SharedBuffer, event = first) {
  if (event === undefined) throw new Error("no event");
  return buffer.hold(event);
}

describe("the shared buffer", () => {
  it("finds the way of each partial match through events they share", () => {
    const buffer = new SharedBuffer();
    const root = buffer.link("a", held(buffer, first), undefined);
    const again = buffer.link("a", held(buffer, second), root);
    const end = held(buffer, third);
    const short = buffer.link("b", end, root);
    const long = buffer.link("b", end, again);
    const ids = (link: typeof long) =>
      [...stagesOf(link)].map(([stage, events]) => [stage, ...events.map(({ event }) => event.id)]);
    expect(ids(short)).toEqual([
      ["a", 0],
      ["b", 2],
    ]);
    expect(ids(long)).toEqual([
      ["a", 0, 1],
      ["b", 2],
    ]);
    expect(eventsOfStage(long, "a").map(({ id }) => id)).toEqual([0, 1]);
    expect(eventsOfStage(undefined, "a")).toEqual([]);
    expect(buffer).toMatchObject({ eventCount: 3, linkCount: 4 });
  });

  it("lets go of what nobody points at any more", () => {
    const buffer = new SharedBuffer();
    const root = buffer.link("a", held(buffer, first), undefined);
    buffer.lock(root);
    const end = buffer.link("b", held(buffer, second), root);
    buffer.lock(end);
    buffer.release(root);
    expect(buffer).toMatchObject({ eventCount: 2, linkCount: 2 });
    buffer.release(end);
    expect(buffer).toMatchObject({ eventCount: 0, linkCount: 0 });
    expect(() => buffer.release(end)).toThrow(AssertionError);
  });
});
