import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { realSockets, type StreamOptions } from "../../../../shared/platform/sockets.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const options: StreamOptions = {
  ...{ host: "127.0.0.1", port: 0, connectionCountMax: 2, idleMs: 60_000 },
};

/** Listens, and keeps what came and how connections ended. */
async function listen(changes: Partial<StreamOptions> = {}, room?: Promise<void>) {
  const found = { text: "", ends: [] as boolean[], openCount: 0 };
  const listener = await realSockets.streams({ ...options, ...changes }, () => {
    found.openCount++;
    return {
      data: (bytes) => {
        found.text += bytes.toString();
        return room;
      },
      end: (isWhole) => {
        found.ends.push(isWhole);
      },
    };
  });
  return { listener, found };
}

describe("sockets of this machine", () => {
  it("take datagrams", async () => {
    const taken: string[] = [];
    const place = { host: "127.0.0.1", port: 0, bufferBytes: 65_536 };
    const listener = await realSockets.datagrams(place, (bytes) => taken.push(bytes.toString()));
    const socket = createSocket("udp4");
    socket.send("one", listener.port, "127.0.0.1");
    await until(() => taken.length === 1);
    expect(taken).toEqual(["one"]);
    socket.close();
    await expect(
      realSockets.datagrams({ ...place, port: listener.port }, () => undefined),
    ).rejects.toMatchObject({ code: "LISTEN_FAILED" });
    await listener.close();
  });

  it("take streams, tell how they end, and close those that are too many or idle", async () => {
    const { listener, found } = await listen({ idleMs: 1_000 });
    const first = connect(listener.port, "127.0.0.1");
    first.end("one\n");
    await until(() => found.ends.length === 1);
    expect(found).toMatchObject({ text: "one\n", ends: [true] });
    const others = [1, 2, 3].map(() => connect(listener.port, "127.0.0.1"));
    let closedCount = 0;
    for (const socket of others) {
      socket.on("error", () => undefined);
      socket.on("close", () => closedCount++);
    }
    await until(() => closedCount === 3);
    expect(found.openCount).toBe(3);
    expect(found.ends.slice(1)).toEqual([false, false]);
    await listener.close();
  });

  it("do not take for idle who is made to wait", async () => {
    const room = Promise.withResolvers<void>();
    const { listener, found } = await listen({ idleMs: 40 }, room.promise);
    const sender = connect(listener.port, "127.0.0.1");
    sender.on("error", () => undefined);
    sender.write("one ");
    await until(() => found.text === "one ");
    sender.write("two");
    // Twice as long as a sender may be idle.
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(found.ends).toEqual([]);
    room.resolve();
    await until(() => found.text === "one two" && found.ends.length === 1);
    await listener.close();
  });

  it.runIf(existsSync("/usr/bin/openssl"))("take streams over TLS", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tailrace-tls-"));
    folders.push(folder);
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
      ],
      { stdio: "ignore" },
    );
    const tls = { certificate: readFileSync(cert), key: readFileSync(key), authorities: undefined };
    const { listener, found } = await listen({ tls });
    const socket = connectTls({
      ...{ port: listener.port, host: "127.0.0.1", ca: tls.certificate, servername: "localhost" },
    });
    socket.end("secret\n");
    await until(() => found.ends.length === 1);
    expect(found).toMatchObject({ text: "secret\n", ends: [true] });
    const plain = connect(listener.port, "127.0.0.1");
    plain.on("error", () => undefined);
    plain.end("no handshake\n");
    await new Promise((resolve) => plain.on("close", resolve));
    expect(found.text).toBe("secret\n");
    // Who has to show a certificate and has none is not heard.
    listener.renew?.(tls);
    await listener.close();
    const strict = await listen({ tls: { ...tls, authorities: tls.certificate } });
    const stranger = connectTls({
      ...{ port: strict.listener.port, host: "127.0.0.1", ca: tls.certificate },
      servername: "localhost",
    });
    stranger.on("error", () => undefined);
    stranger.end("unheard\n");
    await new Promise((resolve) => stranger.on("close", resolve));
    expect(strict.found.text).toBe("");
    await strict.listener.close();
    // Who never begins the handshake takes a place, and closing does not wait for it.
    const silent = await listen({ tls, connectionCountMax: 1 });
    const first = connect(silent.listener.port, "127.0.0.1");
    first.on("error", () => undefined);
    await new Promise((resolve) => first.on("connect", resolve));
    const second = connect(silent.listener.port, "127.0.0.1");
    second.on("error", () => undefined);
    await new Promise((resolve) => second.on("close", resolve));
    expect(first.closed).toBe(false);
    await silent.listener.close();
  });
});
