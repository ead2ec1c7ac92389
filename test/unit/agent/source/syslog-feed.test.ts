import { describe, expect, it } from "vitest";
import { SyslogFeed, type SyslogFeedOptions } from "../../../../agent/source/syslog-feed.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { ScriptedSockets } from "../../../../shared/platform/simulated/scripted-sockets.ts";
import { LiveRun } from "./live-setup.ts";

const NOW = Date.UTC(2026, 10, 20, 10);
const A = "<34>Oct 11 22:14:15 m su: a";
const B = "<34>Oct 11 22:14:15 m su: b";

function feedOn(sockets: ScriptedSockets, changes: Partial<SyslogFeedOptions> = {}): SyslogFeed {
  return new SyslogFeed({
    ...{ sockets, disk: realDisk, clock: { now: () => NOW, monotonic: () => NOW } },
    addresses: [
      { transport: "udp", host: "127.0.0.1", port: 514 },
      { transport: "tcp", host: "127.0.0.1", port: 601 },
    ],
    ...{ messageBytesMax: 100, connectionCountMax: 10, idleMs: 1000, queueBytesMax: 1000 },
    ...changes,
  });
}

describe("syslog from the network", () => {
  it("counts each datagram and each message of a connection", async () => {
    const sockets = new ScriptedSockets();
    const run = new LiveRun(feedOn(sockets));
    await run.follow();
    sockets.datagram(A);
    const connection = sockets.connect();
    await connection?.send(`${A}\n${B.length} ${B}`);
    connection?.end();
    await run.follow();
    expect(run.counted).toEqual([A, A, B]);
    expect(run.stored.get(7)?.path).toBe("udp://127.0.0.1:514 tcp://127.0.0.1:601");
  });

  it("ledgers what it does not take, with the reason", async () => {
    const sockets = new ScriptedSockets();
    const run = new LiveRun(feedOn(sockets, { queueBytesMax: 350 }));
    await run.follow();
    sockets.datagram("x".repeat(101));
    for (let count = 0; count < 5; count++) sockets.datagram(A);
    const connection = sockets.connect();
    void connection?.send(`<34>${"y".repeat(200)}\n<34>half`);
    connection?.end(false);
    await run.follow();
    expect(run.ledgerText.toSorted()).toEqual([
      `aggregated  3 ${3 * (A.length + 1)}`,
      `lost queue_full 2 ${2 * A.length}`,
      "rejected cut_off 1 8",
      "rejected too_long 2 306",
    ]);
    expect(run.offset).toBe(3 * (A.length + 1) + 306 + 8);
  });

  it("lets a connection wait while no more can be held", async () => {
    const sockets = new ScriptedSockets();
    const run = new LiveRun(feedOn(sockets, { queueBytesMax: 30 }));
    await run.follow();
    const connection = sockets.connect();
    let isTaken = false;
    const sending = connection?.send(`${A}\n${B}\n`).then(() => {
      isTaken = true;
    });
    await run.settle();
    expect(isTaken).toBe(false);
    await run.follow();
    await sending;
    expect(run.counted).toEqual([A, B]);
  });

  it("says which file of its certificate cannot be read, and listens nowhere then", async () => {
    const sockets = new ScriptedSockets();
    const feed = feedOn(sockets, {
      addresses: [
        { transport: "udp", host: "127.0.0.1", port: 514 },
        { transport: "tls", host: "127.0.0.1", port: 6514 },
      ],
      tls: { certificate: "/nowhere/cert.pem", key: "/nowhere/key.pem" },
    });
    const run = new LiveRun(feed);
    await run.follow();
    expect(run.complaints).toEqual([
      expect.stringMatching(/^\/nowhere\/cert.pem: it cannot be read: ENOENT/),
    ]);
    expect(sockets.isListening).toBe(false);
  });
});
