/** A participant in Node: `worker.js VARIANT` (see `variants.ts`). */
import { tf } from '../../lib/runtime/tf.js';
import { disposeTree, type TensorTree } from '../../lib/runtime/tree.js';
import { watchMemory } from '../support/memory.js';
import { accountOps } from '../support/opCount.js';
import { participate } from '../support/participate.js';
import { readRow, writeRow } from './files.js';
import { type Problem, problemOf } from './problem.js';
import type { Accounted, Prepared, Ran, Request } from './protocol.js';
import { type Training, trainingOf } from './steps.js';
import { type Running, startVariant } from './variants.js';

/** A row in a mode, with its state. */
class Trained {
  readonly #training: Training;
  readonly #running: Running;
  #state: TensorTree;
  #updates = 0;

  constructor(
    readonly problem: Problem,
    readonly request: Request & { do: 'prepare' },
    run: (step: Training['step']) => Running,
  ) {
    this.#training = trainingOf(request.mode, request.row, problem);
    this.#state = this.#training.state;
    this.#running = run(this.#training.step);
  }

  /** One step; gives the loss, whose reading ends it. */
  step(): number {
    const { mode, row } = this.request;
    const scalars: TensorTree =
      mode === 'update' ? { learningRate: tf.scalar(row.learningRate), update: tf.scalar(++this.#updates) } : {};
    const old = this.#state;
    const { state, outputs } = tf.tidy(() => this.#running.step(old, { ...this.#training.constant, ...scalars }));
    const loss = outputs.loss!.dataSync()[0]!;
    disposeTree(outputs, state);
    disposeTree(old, state);
    disposeTree(scalars);
    this.#state = state;
    return loss;
  }

  dispose(): void {
    this.#running.dispose();
    disposeTree(this.#state);
    this.problem.dispose();
  }
}

/** Takes `n` steps. */
function timed(trained: Trained, n: number): Omit<Prepared, 'formula'> {
  const memory = watchMemory();
  const seconds: number[] = [];
  const losses: number[] = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    losses.push(trained.step());
    seconds.push((performance.now() - start) / 1000);
  }
  return { seconds, losses, memory: memory?.() };
}

function run(trained: Trained, steps: number): Ran {
  const tensors = tf.memory().numTensors;
  const { seconds, memory } = timed(trained, steps);
  const leaked = tf.memory().numTensors - tensors;
  if (leaked !== 0) throw new Error(`${leaked} tensors more after ${steps} steps`);
  return { seconds, memory };
}

await participate(async () => {
  const { what, run: runStep } = await startVariant(process.argv[2] ?? '');
  let trained: Trained | undefined;
  const answer = async (request: Request): Promise<Prepared | Ran | Accounted | object> => {
    if (request.do === 'write') {
      await writeRow(request.row, request.folder);
      return {};
    }
    if (request.do === 'prepare') {
      trained?.dispose();
      trained = undefined; // stays so where the next one fails
      const problem = problemOf(request.row, await readRow(request.row, request.folder));
      trained = new Trained(problem, request, runStep);
      globalThis.gc?.(); // the files' buffers are not the steps' memory
      const first = timed(trained, request.steps);
      globalThis.gc?.();
      return { ...first, formula: problem.formula };
    }
    const ready = trained;
    if (!ready) throw new Error('prepare first');
    return request.do === 'account' ? accountOps(() => void ready.step()) : run(ready, request.steps);
  };
  return { what, answer };
});
