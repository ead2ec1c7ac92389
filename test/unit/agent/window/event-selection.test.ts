import { describe, expect, it } from "vitest";
import { EventSelection } from "../../../../agent/window/event-selection.ts";

const selector = (stream: string, field: string) => ({
  ...{ stream, keys: [], where: [], fields: [field] },
});
const asked = { revision: "0bad", selectors: [selector("a", "x"), selector("b", "x")] };

describe("what is selected", () => {
  it("is nothing at first, and what was offered after a switch, not before", () => {
    const selection = new EventSelection({ forbid: [], select: [] });
    expect([selection.of("a"), selection.hasNext]).toEqual([undefined, false]);
    selection.offer(asked);
    expect([selection.of("a"), selection.hasNext]).toEqual([undefined, true]);
    expect([selection.revision, selection.nextRevision]).toEqual(["", "0bad"]);
    selection.switch();
    expect(selection.of("a")?.fields).toEqual(["x"]);
    expect([selection.revision, selection.hasNext]).toEqual(["0bad", false]);
    selection.offer({ revision: "", selectors: [] });
    selection.switch();
    expect(selection.of("a")).toBeUndefined();
  });

  it("is more or less by the agent's own configuration", () => {
    const local = { forbid: ["b", "d"], select: [selector("a", "y"), selector("c", "z")] };
    const selection = new EventSelection({
      ...local,
      select: [...local.select, selector("d", "z")],
    });
    expect(selection.of("c")?.fields).toEqual(["z"]);
    selection.offer(asked);
    selection.switch();
    expect(selection.of("a")?.fields).toEqual(["x", "y"]);
    expect([selection.of("b"), selection.of("d")]).toEqual([undefined, undefined]);
  });
});
