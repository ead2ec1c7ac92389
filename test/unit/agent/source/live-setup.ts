import type { LineFeed } from "../../../../agent/source/line-feed.ts";
import { LiveSource } from "../../../../agent/source/live-source.ts";
import type { WrappedLines } from "../../../../shared/events/parser.ts";
import type { Checkpoint, LedgerEntry } from "../../../../shared/protocol/batch.ts";
import { JoiningSink } from "./joining-sink.ts";
import { RecountingSink } from "./recounting-sink.ts";

/** What a test says of a live source. */
export interface LiveOptions {
  readonly once?: boolean;
  readonly joins?: ((line: string) => boolean) | WrappedLines;
  /** True for a counter that has no room for events. */
  readonly isFull?: boolean;
}

/** A live source that is followed, and what its cuts stored. */
export class LiveRun {
  /** Lines of all stored cuts. */
  readonly counted: string[] = [];
  readonly complaints: string[] = [];
  readonly stored = new Map<number, Checkpoint>();
  ledger: readonly LedgerEntry[] = [];
  nowMs = 1_000_000;
  wakeCount = 0;
  source: LiveSource;
  private sink: RecountingSink | JoiningSink = new RecountingSink();
  private readonly options: LiveOptions;

  constructor(feed: LineFeed, options: LiveOptions = {}) {
    this.options = options;
    this.source = this.start(feed);
  }

  /** Looks, reads what there is, and stores the cut. */
  async follow(): Promise<void> {
    await this.source.discover();
    await this.read();
    this.store();
  }

  async read(): Promise<void> {
    while ((await this.source.read(1000)) > 0);
  }

  store(): void {
    const { lines } = this.sink;
    const cut = this.source.cut();
    this.counted.push(...lines);
    for (const checkpoint of cut.checkpoints) this.stored.set(checkpoint.file, checkpoint);
    this.ledger = cut.ledger;
  }

  /** Dies and starts again from what was stored. */
  async restart(feed: LineFeed): Promise<void> {
    await this.source.close();
    this.source = this.start(feed);
  }

  /** Lets what waits for the next turn of the event loop happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** `kind reason lines bytes` of each entry. */
  get ledgerText(): string[] {
    return this.ledger.map(
      ({ kind, reason, lines, bytes }) => `${kind} ${reason} ${lines} ${bytes}`,
    );
  }

  get offset(): number | undefined {
    return [...this.stored.values()][0]?.offset;
  }

  private start(feed: LineFeed): LiveSource {
    const { once = false, joins, isFull = false } = this.options;
    this.sink = joins === undefined ? new RecountingSink() : new JoiningSink(joins, 1000);
    if (isFull) Object.defineProperty(this.sink, "isFull", { value: true });
    const complain = (message: string) => this.complaints.push(message);
    const silent = () => undefined;
    const source = new LiveSource({
      name: "live",
      feed,
      counter: this.sink,
      clock: { now: () => this.nowMs, monotonic: () => this.nowMs },
      checkpoints: [...this.stored.values()],
      ledger: this.ledger,
      allocateFile: () => 7,
      service: "live",
      eventWaitMs: 1000,
      idleAfterMs: 30_000,
      maxFutureMs: 600_000,
      once,
      logger: { error: complain, warn: complain, info: silent, debug: silent },
    });
    source.listen(() => this.wakeCount++);
    return source;
  }
}
