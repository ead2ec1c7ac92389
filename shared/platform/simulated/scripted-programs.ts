import type { Processes, ProgramEnd, RunningProgram } from "../processes.ts";

/** What a scripted program does: it writes pieces in turn, and ends. */
export interface ScriptedRun {
  readonly output: AsyncIterable<Buffer> | Iterable<Buffer>;
  readonly end: ProgramEnd;
}

/** Programs that are functions of their operands. */
export class ScriptedPrograms implements Processes {
  /** All starts so far: program and operands. */
  readonly starts: (readonly string[])[] = [];
  private readonly run: (program: string, operands: readonly string[]) => ScriptedRun;

  constructor(run: (program: string, operands: readonly string[]) => ScriptedRun) {
    this.run = run;
  }

  start(program: string, operands: readonly string[]): RunningProgram {
    this.starts.push([program, ...operands]);
    const { output, end } = this.run(program, operands);
    const ended = Promise.withResolvers<ProgramEnd>();
    const pieces = piecesOf(output);
    let isStopped = false;
    return {
      read: async () => {
        const { done, value } = isStopped ? { done: true, value: undefined } : await pieces.next();
        if (done !== true) return value;
        ended.resolve(isStopped ? { ...end, kind: "killed", code: undefined } : end);
        return undefined;
      },
      ended: ended.promise,
      stop: () => {
        isStopped = true;
        ended.resolve({ ...end, kind: "killed", code: undefined });
      },
    };
  }
}

/** A process that can start no program. */
export const noPrograms = new ScriptedPrograms(() => ({
  output: [],
  end: { kind: "missing", code: undefined, stderr: "" },
}));

async function* piecesOf(output: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* output;
}
