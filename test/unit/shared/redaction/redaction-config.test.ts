import { describe, expect, it } from "vitest";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";

describe("detectors", () => {
  it.each([["cards"], [{ name: "cards", action: "mask" }], [{ name: "card", action: "hide" }]])(
    "of which %j is none are told by name",
    (detector) => {
      const { error } = redactionConfig.safeParse({ detectors: ["jwt", detector] });
      expect(error?.issues).toMatchObject([
        {
          path: ["detectors", 1],
          message: expect.stringMatching(/^expected one of: .*\bcard\b.*; or \{/),
        },
      ]);
    },
  );
});
