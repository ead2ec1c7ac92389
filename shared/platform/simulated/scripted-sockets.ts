import type { Listener } from "../network.ts";
import type { DatagramOptions, Sockets, StreamOptions, StreamTaker } from "../sockets.ts";

/** A connection as its sender sees it. */
export interface ScriptedConnection {
  /** Sends bytes; resolves when they are taken. */
  send(bytes: string | Buffer): Promise<void>;
  end(isWhole?: boolean): void;
}

/** Sockets that a test, or a simulation, sends to. Addresses are not looked at. */
export class ScriptedSockets implements Sockets {
  private takeDatagram: ((datagram: Buffer) => void) | undefined;
  private openStream: (() => StreamTaker) | undefined;

  /** True while something listens. */
  get isListening(): boolean {
    return this.takeDatagram !== undefined || this.openStream !== undefined;
  }

  async datagrams(
    { host, port }: DatagramOptions,
    take: (datagram: Buffer) => void,
  ): Promise<Listener> {
    this.takeDatagram = take;
    return { host, port, close: async () => this.closeDatagrams() };
  }

  async streams({ host, port }: StreamOptions, open: () => StreamTaker): Promise<Listener> {
    this.openStream = open;
    return { host, port, close: async () => this.closeStreams() };
  }

  /** Sends a datagram; it vanishes when nobody listens. */
  datagram(bytes: string | Buffer): void {
    this.takeDatagram?.(Buffer.from(bytes));
  }

  /** Connects; undefined when nobody listens. */
  connect(): ScriptedConnection | undefined {
    const taker = this.openStream?.();
    if (taker === undefined) return undefined;
    return {
      send: async (bytes) => {
        await taker.data(Buffer.from(bytes));
      },
      end: (isWhole = true) => taker.end(isWhole),
    };
  }

  private closeDatagrams(): void {
    this.takeDatagram = undefined;
  }

  private closeStreams(): void {
    this.openStream = undefined;
  }
}
