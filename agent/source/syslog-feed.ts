/**
 * Syslog from the network: datagrams, and streams with or without TLS. Every message becomes a line.
 *
 * Senders cannot be asked again: what was received and is not sealed when the agent dies is gone. Streams wait while the agent cannot count; a
 * datagram that comes when no more can be held is `lost: queue_full`, one that the kernel drops before nobody counts.
 */
import type { Clock } from "../../shared/platform/clock.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import type { Listener } from "../../shared/platform/network.ts";
import type { Sockets, StreamTaker } from "../../shared/platform/sockets.ts";
import { TlsFiles, type TlsPaths } from "../../shared/platform/tls-files.ts";
import type { LineFeed, TakenLines } from "./line-feed.ts";
import { SyslogFramer } from "./syslog-framer.ts";
import { syslogLine } from "./syslog-message.ts";
import { WaitingLines } from "./waiting-lines.ts";

/** An address to listen on. */
export interface SyslogAddress {
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
}

/** Where and within which limits syslog is taken. */
export interface SyslogFeedOptions {
  readonly sockets: Sockets;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly addresses: readonly SyslogAddress[];
  /** What addresses with tls need; the files are read again when they are renewed. */
  readonly tls?: TlsPaths | undefined;
  readonly messageBytesMax: number;
  readonly connectionCountMax: number;
  readonly idleMs: number;
  /** What may wait to be counted. */
  readonly queueBytesMax: number;
}

/** Asked of the kernel for datagrams: a second of 10,000 messages. */
const DATAGRAM_BUFFER_BYTES = 4 * 1024 * 1024;

/** See the head of the file. */
export class SyslogFeed implements LineFeed {
  readonly path: string;
  readonly hasEnded = false;
  readonly #options: SyslogFeedOptions;
  #waiting: WaitingLines | undefined;
  #listeners: Listener[] = [];
  #tls: TlsFiles | undefined;

  constructor(options: SyslogFeedOptions) {
    this.#options = options;
    this.path = options.addresses
      .map(({ transport, host, port }) => `${transport}://${host}:${port}`)
      .join(" ");
  }

  get waitingBytes(): number {
    return this.#waiting?.bytes ?? 0;
  }

  /** Ports in use, in the order of the addresses. */
  get ports(): number[] {
    return this.#listeners.map(({ port }) => port);
  }

  async open(position: string, wake: () => void): Promise<string> {
    const waiting = new WaitingLines(this.#options.queueBytesMax, wake);
    const { tls, disk } = this.#options;
    this.#tls = tls === undefined ? undefined : await TlsFiles.open(disk, tls);
    try {
      for (const address of this.#options.addresses) {
        this.#listeners.push(await this.#listen(address, waiting));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#waiting = waiting;
    return position;
  }

  async tend(): Promise<void> {
    const tls = this.#tls;
    if (tls === undefined || !(await tls.renew())) return;
    for (const listener of this.#listeners) listener.renew?.(tls.material);
  }

  take(bytesMax: number): TakenLines {
    return this.#waiting?.take(bytesMax) ?? { bytes: Buffer.alloc(0), refused: [] };
  }

  async close(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    this.#waiting?.close();
    for (const listener of listeners) await listener.close();
  }

  async #listen(address: SyslogAddress, waiting: WaitingLines): Promise<Listener> {
    const { sockets, connectionCountMax, idleMs } = this.#options;
    const { transport, host, port } = address;
    if (transport === "udp") {
      const place = { host, port, bufferBytes: DATAGRAM_BUFFER_BYTES };
      return sockets.datagrams(place, (datagram) => this.#takeDatagram(datagram, waiting));
    }
    const tls = transport === "tls" ? this.#tls?.material : undefined;
    return sockets.streams(
      {
        host,
        port,
        connectionCountMax,
        idleMs,
        ...(tls === undefined ? {} : { tls }),
      },
      () => this.#takeStream(waiting),
    );
  }

  #takeDatagram(datagram: Buffer, waiting: WaitingLines): void {
    const { messageBytesMax } = this.#options;
    if (waiting.isFull) {
      waiting.refuse({ kind: "lost", reason: "queue_full", lines: 1, bytes: datagram.length });
    } else if (datagram.length > messageBytesMax) {
      waiting.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes: datagram.length });
    } else this.#takeMessage(datagram, waiting);
  }

  #takeMessage(message: Buffer, waiting: WaitingLines): void {
    waiting.add(syslogLine(message, this.#options.clock.now()));
  }

  #takeStream(waiting: WaitingLines): StreamTaker {
    const refuse = (reason: string, bytes: number) =>
      waiting.refuse({ kind: "rejected", reason, lines: 1, bytes });
    const framer = new SyslogFramer(this.#options.messageBytesMax, {
      message: (bytes) => this.#takeMessage(bytes, waiting),
      tooLong: (bytes) => refuse("too_long", bytes),
      cutOff: (bytes) => refuse("cut_off", bytes),
    });
    return {
      data: (bytes) => {
        framer.push(bytes);
        return waiting.room();
      },
      end: (isWhole) => framer.end(isWhole),
    };
  }
}
