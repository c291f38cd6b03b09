import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorOf, type Figures, figuresOf, memoryOf, type Peak, type Precision, type Work } from './figures.js';
import { type Command, Participant } from './participant.js';
import type { Prepared, Ran } from './protocol.js';

/** Something that does a problem's work. */
export interface Contender {
  name: string;
  /** Whose it is; absent: ours. */
  peer?: 'tfjs' | 'pytorch';
  command: Command;
  precision: Precision;
  /** Said to it beside the problem. */
  options?: object;
  /** Its first pass compiles. */
  compiles?: boolean;
}

/** What is measured in one go. */
export interface Contest<Problem> {
  problem: Problem;
  contenders: readonly Contender[];
  /** The participant that computes in float64. */
  reference: Command;
  write: (problem: Problem, folder: string) => Promise<void>;
  /** By mode. */
  work: Record<string, Work>;
  repeats: number;
  /** Called when all turns are taken. */
  peak: () => Peak | undefined;
}

export interface Contested {
  /** Program, version and threads of each contender. */
  contenders: Record<string, string>;
  /** By mode and contender. */
  modes: Record<string, Record<string, Figures>>;
  /** Why a contender has no figures, or no error (`float64`). */
  failures: Record<string, string>;
}

/** Seconds within which a contender passes once in each mode: without its instructions PyTorch's bfloat16 takes many minutes. */
const PATIENCE = 300;
/** A pass longer than this, in seconds, is not repeated within a turn, and has three turns at most. */
const LONG = 3;
const LONG_TURNS = 3;

interface Running {
  contender: Contender;
  participant: Participant;
  prepared: Prepared;
  /** By mode. */
  turns: Record<string, Ran[]>;
}

/** Every contender in a process of its own, taking turns. One that fails is left out. */
export async function contest<Problem>(task: Contest<Problem>): Promise<Contested> {
  const folder = await mkdtemp(join(tmpdir(), 'vlltr-bench-'));
  const running: Running[] = [];
  const result: Contested = { contenders: {}, modes: {}, failures: {} };
  const outputOf = (name: string): string => join(folder, name);
  const start = async (name: string, command: Command, request: object, patience?: number) => {
    const participant = new Participant(name, command);
    try {
      const { what } = await participant.hear<{ what: string }>();
      const asked = { ...task.problem, ...request, folder, output: outputOf(name) };
      return { participant, what, prepared: await participant.ask<Prepared>(asked, patience) };
    } catch (error) {
      result.failures[name] = (error as Error).message;
      await participant.close();
      return undefined;
    }
  };
  try {
    await task.write(task.problem, folder);
    const reference = await start('float64', task.reference, { do: 'reference' });
    await reference?.participant.close();
    for (const contender of task.contenders) {
      const { name, command, precision, options } = contender;
      const started = await start(name, command, { do: 'prepare', precision, ...options }, PATIENCE);
      if (!started) continue;
      result.contenders[name] = started.what;
      running.push({ contender, ...started, turns: {} });
    }
    const modes = Object.keys(task.work);
    for (const mode of modes) await takeTurns(mode, running, task.repeats, result);
    const peak = task.peak();
    for (const mode of modes) {
      const figures: Record<string, Figures> = {};
      for (const { contender, prepared, turns } of running) {
        const { name, precision, compiles = false } = contender;
        const taken = turns[mode]!;
        const error =
          reference &&
          errorOf(
            await floats(`${outputOf(name)}.${mode}`),
            await floats(`${outputOf('float64')}.${mode}`),
            prepared[mode]!.parts,
          );
        const memory = memoryOf(mode, prepared, taken, compiles);
        figures[name] = { ...figuresOf(taken, task.work[mode]!, precision, peak), memory, error };
      }
      result.modes[mode] = figures;
    }
    return result;
  } finally {
    for (const { participant } of running) await participant.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeTurns(mode: string, running: Running[], repeats: number, result: Contested): Promise<void> {
  for (let repeat = 0; repeat < repeats; repeat++) {
    // There and back, so that none always follows the same one.
    const order = repeat % 2 ? [...running].reverse() : [...running];
    for (const one of order) {
      const long = (one.prepared[mode]?.seconds?.[0] ?? 0) > LONG;
      if (long && repeat >= LONG_TURNS) continue;
      try {
        // The first pass of a turn finds cold caches and sleeping threads.
        const ran = await one.participant.ask<Ran>({ do: 'run', mode, times: long ? 1 : 2 });
        one.turns[mode] = [...(one.turns[mode] ?? []), ran];
      } catch (error) {
        result.failures[one.contender.name] = (error as Error).message;
        running.splice(running.indexOf(one), 1);
        await one.participant.close();
      }
    }
  }
}

async function floats(path: string): Promise<Float32Array> {
  const { buffer, byteOffset, byteLength } = await readFile(path);
  return new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
}
