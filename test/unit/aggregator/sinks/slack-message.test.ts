import { describe, expect, it } from "vitest";
import { slackMessage } from "../../../../aggregator/sinks/slack-message.ts";
import { sampleAlert } from "./sample-results.ts";

describe("a message for Slack", () => {
  it("says of an alert how bad it is, which hosts, and where to look", () => {
    const sample = sampleAlert("a", "orders", 0);
    const contributors = [
      { agent: "web-1", share: 0.75 },
      { agent: "web-2", share: 0.25 },
    ];
    const details = { link: "http://t/?a=1&b=2", contributors };
    const json = JSON.stringify({ ...JSON.parse(sample.json), message: "a < b", details });
    const [head, ...facts] = slackMessage({ ...sample, json }).split("\n");
    expect(head).toMatch(/^\*warning\* orders: a &lt; b \(service-degradation, /);
    expect(facts).toEqual(["hosts: web-1 75 %, web-2 25 %", "<http://t/?a=1&amp;b=2|windows>"]);
  });

  it("says that an alert is over, and who takes care of it", () => {
    const sample = sampleAlert("a", "orders", 0);
    expect(slackMessage({ ...sample, state: "resolved" })).toMatch(/^\*resolved: warning\*/);
    const acknowledged = { by: "ann", comment: "on it" };
    const json = JSON.stringify({ ...JSON.parse(sample.json), acknowledged });
    expect(slackMessage({ ...sample, json, state: "acknowledged" })).toMatch(
      /\nacknowledged by ann: on it$/,
    );
  });
});
