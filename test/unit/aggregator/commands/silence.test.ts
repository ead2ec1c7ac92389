import { expect, it } from "vitest";
import { aggregatorCommands } from "../../../../aggregator/commands/registry.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { runCommand } from "../../../../shared/run-command.ts";
import { testIo } from "../../agent/commands/test-io.ts";

const facts = { name: "tailrace", version: "1", summary: "" };

/** Runs a command against an aggregator that took what it was asked, and does not know yet what came of it. */
async function ask(...words: readonly string[]) {
  const call = async () => ({
    status: 202,
    headers: {},
    body: Buffer.from('{"state":"accepted"}'),
  });
  const network = { ...realPlatform.network, call };
  const io = testIo({ platform: { ...realPlatform, network } });
  const code = await runCommand(facts, aggregatorCommands, words, io);
  return { code, output: io.output(), errors: io.errors() };
}

const SILENCE = {
  ...{ matchers: [], startsAt: "2026-11-20T10:00:00Z", endsAt: "2026-11-20T11:00:00Z" },
  ...{ createdBy: "ann", comment: "c", updatedAt: "2026-11-20T10:00:00Z", status: "active" },
};
const LATER = "it is taken, and takes effect in a moment\n";

it("what is not done yet is said to be taken", async () => {
  expect(await ask("silence", "add", "service=orders")).toEqual({
    ...{ code: 0, output: "", errors: LATER },
  });
  expect((await ask("silence", "expire", "5c1e".repeat(8))).errors).toBe(LATER);
  expect((await ask("alerts", "ack", "0".repeat(32))).errors).toBe(LATER);
});

it("a silence is expired by the beginning of its id, on whatever page it stands", async () => {
  const ids = ["a".repeat(32), `b${"0".repeat(31)}`, `b${"1".repeat(31)}`];
  const deleted: string[] = [];
  const call = async ({ url, method }: { readonly url: string; readonly method: string }) => {
    const { pathname, searchParams } = new URL(url);
    if (method === "DELETE") deleted.push(pathname);
    const at = Number(searchParams.get("next") ?? 0);
    const silences = [{ id: ids[at] ?? "", ...SILENCE }];
    const next = at + 1 < ids.length ? { next: String(at + 1) } : {};
    const body = Buffer.from(JSON.stringify(method === "DELETE" ? {} : { silences, ...next }));
    return { status: 200, headers: {}, body };
  };
  const io = testIo({
    platform: { ...realPlatform, network: { ...realPlatform.network, call } },
  });
  const expire = (id: string) =>
    runCommand(facts, aggregatorCommands, ["silence", "expire", id], io);
  expect(await expire("b1")).toBe(0);
  expect(deleted).toEqual([`/v1/silences/${ids[2]}`]);
  expect(await expire("b")).toBe(2);
  expect(io.errors()).toContain("b begins the ids of 2 silences; write more of it");
});
