import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Participant } from '../support/participant.js';
import { python } from '../support/python.js';
import { median, type Timing, timing } from '../support/statistics.js';
import { type Problem, writeProblem } from './problem.js';
import type { Prepared, Ran, TorchOptions } from './protocol.js';

export interface Contender {
  name: string;
  node?: { route: 'tensorflow' | 'node' | 'tfjs'; precision: 'fp32' | 'bf16' };
  torch?: TorchOptions;
}

export const CONTENDERS: Contender[] = [
  { name: 'ours', node: { route: 'tensorflow', precision: 'fp32' } },
  { name: 'ours-bf16', node: { route: 'tensorflow', precision: 'bf16' } },
  { name: 'plain', node: { route: 'tfjs', precision: 'fp32' } },
  { name: 'eager', torch: { compiled: false, autocast: false } },
  { name: 'compiled', torch: { compiled: true, autocast: false } },
  { name: 'eager-bf16', torch: { compiled: false, autocast: true } },
];

/** What one contender took for a forward and backward pass. */
export interface Figures extends Timing {
  what: string;
  loss: number;
  /** Beyond what was resident before, in bytes; medians over the turns. */
  memory?: number;
  /** ‖gradient − float64's‖ / ‖float64's‖ over image and text. */
  error?: number;
}

export interface Result {
  pairs: number;
  width: number;
  /** float64's loss, where PyTorch is there. */
  loss?: number;
  contenders: Record<string, Figures>;
  failures: Record<string, string>;
}

const PYTHON = python('contrastive/pytorch/worker.py');

const commandOf = ({ node }: Contender): Command =>
  node
    ? {
        command: process.execPath,
        args: ['--expose-gc', join(import.meta.dirname, 'worker.js'), node.route, node.precision],
        env: { VLLTR_QUIET: '1', VLLTR_BACKEND: undefined, VLLTR_KERNELS: undefined, VLLTR_DEVICE: undefined },
      }
    : PYTHON;

interface Running {
  contender: Contender;
  participant: Participant;
  what: string;
  prepared: Prepared;
  ran: Ran[];
}

/** Measures a problem: every contender in a process of its own, taking turns. One that fails is left out. */
export async function measure(problem: Problem, contenders: Contender[], repeats: number): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'vlltr-bench-'));
  const result: Result = { pairs: problem.pairs, width: problem.width, contenders: {}, failures: {} };
  const gradientsOf = (name: string): string => join(folder, `${name}.bin`);
  const running: Running[] = [];
  /** Starts a contender, or whatever else is to answer one request. */
  const start = async (name: string, command: Command, request: object) => {
    const participant = new Participant(name, command);
    try {
      const { what } = await participant.hear<{ what: string }>();
      const gradients = gradientsOf(name);
      return {
        participant,
        what,
        prepared: await participant.ask<Prepared>({ ...request, problem, folder, gradients }),
      };
    } catch (error) {
      result.failures[name] = (error as Error).message;
      await participant.close();
      return undefined;
    }
  };
  try {
    await writeProblem(problem, folder);
    const reference = await start('float64', PYTHON, { do: 'reference' });
    await reference?.participant.close();
    result.loss = reference?.prepared.loss;
    for (const contender of contenders) {
      const started = await start(contender.name, commandOf(contender), { do: 'prepare', ...contender.torch });
      if (started) running.push({ contender, ...started, ran: [] });
    }
    for (let repeat = 0; repeat < repeats; repeat++) {
      // There and back, so that none always follows the same one.
      const order = repeat % 2 ? [...running].reverse() : running;
      // The first pass of a turn finds cold caches and sleeping threads; it is not counted.
      for (const { participant, ran } of order) ran.push(await participant.ask<Ran>({ do: 'run', times: 2 }));
    }
    const exact = reference && floats(await readFile(gradientsOf('float64')));
    for (const { contender, what, prepared, ran } of running) {
      const memory = ran.flatMap(({ memory }) => (memory ? [memory.peak - memory.before] : []));
      result.contenders[contender.name] = {
        what,
        loss: prepared.loss,
        ...timing(ran.flatMap(({ seconds }) => seconds.slice(1))),
        memory: memory.length ? median(memory) : undefined,
        error: exact && distance(floats(await readFile(gradientsOf(contender.name))), exact),
      };
    }
    return result;
  } finally {
    for (const { participant } of running) await participant.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const floats = (bytes: Buffer): Float32Array =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Float32Array.BYTES_PER_ELEMENT);

function distance(got: Float32Array, exact: Float32Array): number {
  let difference = 0;
  let whole = 0;
  exact.forEach((value, i) => {
    difference += (got[i]! - value) ** 2;
    whole += value ** 2;
  });
  return Math.sqrt(difference / whole);
}
