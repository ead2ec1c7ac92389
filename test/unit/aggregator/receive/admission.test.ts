import { describe, expect, it } from "vitest";
import { Admission, type Admitted } from "../../../../aggregator/receive/admission.ts";

const limits = { inFlightBytesMax: 100, agentRequestCountMax: 2 };

function admitted(result: ReturnType<Admission["takeBytes"]>): Admitted {
  if ("refusal" in result) throw new Error("expected to be admitted");
  return result;
}

describe("admission", () => {
  it("refuses what would be too much at once with 503, and takes it when room was given back", () => {
    const admission = new Admission(limits);
    const first = admitted(admission.takeBytes(80));
    expect(admission.takeBytes(30)).toMatchObject({
      refusal: { status: 503, code: "overloaded", retryAfterSeconds: 1 },
    });
    first.release();
    first.release();
    expect(admission.bytes).toBe(0);
    admitted(admission.takeBytes(30));
    expect(admission.bytes).toBe(30);
  });

  it("takes a request beyond the limit when nothing else is under way, so that it is never stuck", () => {
    const admission = new Admission(limits);
    admitted(admission.takeBytes(500));
    expect(admission.takeBytes(1)).toHaveProperty("refusal");
  });

  it("NET-05 refuses one agent's excess with 429 and leaves the others alone", () => {
    const admission = new Admission(limits);
    const first = admitted(admission.takePlace("a"));
    admitted(admission.takePlace("a"));
    expect(admission.takePlace("a")).toMatchObject({ refusal: { status: 429 } });
    admitted(admission.takePlace("b"));
    first.release();
    admitted(admission.takePlace("a"));
  });
});
