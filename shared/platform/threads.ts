import { availableParallelism } from "node:os";
import {
  isMainThread,
  parentPort,
  type Transferable,
  Worker,
  workerData,
} from "node:worker_threads";

/** What a module sees that runs in a thread. */
export interface ThreadSide<Task, Message> {
  readonly task: Task;
  /** Memory in `moved` belongs to the receiver from then on. */
  readonly tell: (message: Message, moved?: readonly Transferable[]) => void;
}

/** A module of the program that runs in threads of its own, and what both sides say to each other. */
export class ThreadModule<Task, Message> {
  readonly location: URL;

  constructor(location: URL) {
    this.location = location;
  }

  /** To be called by the module itself. */
  inside(): ThreadSide<Task, Message> {
    if (isMainThread) throw new Error("this module runs in a thread only");
    const task: Task = workerData;
    return { task, tell: (message, moved = []) => parentPort?.postMessage(message, moved) };
  }
}

/** A thread that runs. */
export interface RunningThread {
  /** Resolves when the thread has ended and all its messages came; fails with what it failed with, or when it could not be started. */
  readonly ended: Promise<void>;
  /** Ends it at once, whatever it is at. May be called again. */
  readonly stop: () => Promise<void>;
}

/** Threads of this process, each with a heap of its own: for work that takes a processor for long. */
export interface Threads {
  /** Processors that this process may use at a time. */
  readonly processors: number;
  /** Starts a module in a thread. The task is copied, but for memory that is shared. */
  start<Task, Message>(
    module: ThreadModule<Task, Message>,
    task: Task,
    onMessage: (message: Message) => void,
  ): RunningThread;
}

/** The threads of this machine. */
export const realThreads: Threads = {
  processors: availableParallelism(),
  start({ location }, task, onMessage) {
    const worker = new Worker(location, { workerData: task });
    worker.on("message", onMessage);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.once("error", reject);
    worker.once("exit", resolve);
    // Whoever stops it does not ask how it ended.
    promise.catch(() => undefined);
    return {
      ended: promise,
      stop: async () => {
        await worker.terminate();
      },
    };
  },
};
