import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { disposeTree, firstNonFinite, leaves, readScalars, type TensorTree } from '../runtime/tree.js';
import { lastGoodState, pruneCheckpoints, saveState } from './checkpoint.js';
import { type FlatLayout, nameAt } from './flat.js';
import { appendMetrics, truncateMetrics } from './metrics.js';

/** How far a run has come. */
export interface Progress {
  name: string;
  /** Updates done. */
  step: number;
  /** Updates in all. */
  steps: number;
  /** Updates a second, smoothed. */
  rate: number;
  /** Seconds left at that rate. */
  eta: number;
  learningRate: number;
  /** What the last step gave. */
  outputs: Record<string, number>;
}

/** A run was stopped by SIGINT, SIGTERM or its AbortSignal; its checkpoint is written. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor(
    readonly stage: string,
    readonly step: number,
  ) {
    super(`${stage} was stopped after step ${step}; its checkpoint is written and resuming goes on from there`);
  }
}

/** A training run. */
export interface TrainSpec<S extends TensorTree, I extends TensorTree> {
  /** Folder of the run: gets metrics.jsonl and checkpoints/. */
  runDir: string;
  /** Stage; names its checkpoints and its lines in metrics.jsonl. */
  name: string;
  /** Updates in all. */
  steps: number;
  /** Everything that must agree for a checkpoint to be resumed; plain JSON. */
  configuration?: unknown;
  /** First state. The loop takes it over and disposes it. */
  state: S;
  /** One update, pure: tensors in, tensors out. `outputs` are scalars; NaN or Inf among them ends the run. */
  step: (state: S, inputs: I) => { state: S; outputs: Record<string, tf.Tensor> };
  /** Inputs of update t (0-based), a function of t alone; prepared while earlier updates run. The loop disposes them. */
  inputs: (t: number) => Promise<I> | I;
  /** How many updates' inputs are prepared ahead. Default 1. */
  ahead?: number;
  /**
   * Recorded of update t, with its outputs: what its inputs had to say. Called once its inputs are there. An update of which
   * there is anything is recorded whatever `logEvery` says.
   */
  notes?: (t: number) => Record<string, number>;
  /** Recorded as `lr`; the step gets it by its inputs. */
  learningRate?: (t: number) => number;
  /** Default 10. */
  logEvery?: number;
  /** Default: only at the end. */
  checkpointEvery?: number;
  /** Checkpoints kept. Default 2. */
  keep?: number;
  /** Goes on from the last good checkpoint, or from the start where there is none. Otherwise old ones are removed. */
  resume?: boolean;
  /** Measured every `every` updates and after the last; recorded in metrics.jsonl. */
  evaluate?: { every: number; run: (state: S, step: number) => Promise<Record<string, number>> };
  onProgress?: (progress: Progress) => void;
  /** Names elements of state vectors of `layout.size` elements when they turn NaN. */
  layout?: FlatLayout;
  /** Called after a bad step with the state before it: tensors (gradients, say) among which to look for NaN. */
  diagnose?: (state: S, inputs: I) => TensorMap;
  /** Stops after the current update, not waiting for inputs that are being prepared. SIGINT and SIGTERM do the same. */
  signal?: AbortSignal;
  /** Default: console.warn. */
  warn?: (message: string) => void;
}

/** Where a run keeps its checkpoints. */
export const checkpointFolder = (runDir: string): string => join(runDir, 'checkpoints');

/** Where the checkpoint of a stage after `step` updates lies. */
export const checkpointPath = (runDir: string, name: string, step: number): string =>
  join(checkpointFolder(runDir), `${name}-${step}.safetensors`);

/**
 * Runs the updates of a stage: killed at any moment and resumed, it gives the numbers of an unbroken run.
 * @returns the last state; the caller disposes it
 * @throws VlltrError ERR_NOT_FINITE naming the step and the tensor, ERR_CHECKPOINT when resuming does not fit
 * @throws Interrupted
 */
export async function train<S extends TensorTree, I extends TensorTree = TensorMap>(spec: TrainSpec<S, I>): Promise<S> {
  const { runDir, name, steps, logEvery = 10, keep = 2 } = spec;
  check(Number.isInteger(steps) && steps >= 0, 'ERR_ARGUMENT', () => `steps is ${steps}; expected an integer ≥ 0`);
  check(/^[\w.-]+$/.test(name), 'ERR_ARGUMENT', () => `name is '${name}'; expected letters, digits, '.', '_', '-'`);
  const configuration = { ...(spec.configuration as object | undefined), name, steps };
  const folder = checkpointFolder(runDir);
  const nameOf = (path: string, index: number): string => elementName(spec, path, index);

  let { state } = spec;
  let done = 0;
  let before = 0;
  let saved = -1;
  /** Inputs of the coming updates, the next one's first. */
  const pending: Promise<I>[] = [];
  let stopping = spec.signal?.aborted === true;
  let wake = (): void => {};
  const interrupt = (): void => {
    stopping = true;
    wake();
  };
  /** The next update's inputs, or undefined as soon as the run is to stop. */
  const nextInputs = (): Promise<I | undefined> =>
    new Promise((resolve, reject) => {
      wake = () => resolve(undefined);
      if (stopping) wake();
      else pending[0]!.then(resolve, reject);
    });
  /** Begins with the inputs of updates from t on, as far as they are not under way. */
  const prepare = (t: number): void => {
    for (let next = t + pending.length; next < steps && pending.length < (spec.ahead ?? 1); next++) {
      const promise = (async () => spec.inputs(next))();
      promise.catch(() => {}); // Reported where it is awaited, which may be never.
      pending.push(promise);
    }
  };

  try {
    const warn = spec.warn ?? ((message: string) => console.warn(message));
    const found = spec.resume ? await lastGoodState(folder, name, state, configuration, warn) : undefined;
    if (found) {
      disposeTree(state);
      ({ state, step: done, seconds: before } = found);
      saved = done;
    }
    await pruneCheckpoints(folder, name, spec.resume ? Number.POSITIVE_INFINITY : 0);
    await truncateMetrics(runDir, name, done);
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    spec.signal?.addEventListener('abort', interrupt);
    if (spec.signal?.aborted) interrupt(); // while a checkpoint was read

    const started = performance.now();
    const seconds = (): number => before + (performance.now() - started) / 1000;
    const save = async (): Promise<void> => {
      if (saved === done) return;
      await saveState(
        checkpointPath(runDir, name, done),
        state,
        { name, step: done, seconds: seconds(), configuration },
        nameOf,
      );
      saved = done;
      await pruneCheckpoints(folder, name, keep);
    };
    let last = performance.now();
    let perStep = Number.NaN;
    prepare(done);
    while (done < steps) {
      const t = done;
      const inputs = await nextInputs();
      if (!inputs) {
        await save();
        throw new Interrupted(name, done);
      }
      pending.shift();
      prepare(t + 1);
      const notes = spec.notes?.(t);
      let outputs: Record<string, number>;
      try {
        const result = tf.tidy(() => spec.step(state, inputs));
        outputs = await readScalars(result.outputs);
        const bad = Object.keys(outputs).find((key) => !Number.isFinite(outputs[key]));
        if (bad !== undefined) {
          const what = await findNonFinite(spec, state, inputs, result.state);
          disposeTree(result.outputs, { state, next: result.state });
          disposeTree(result.state, state);
          const good = saved > 0 ? `the checkpoint of step ${saved} is kept` : 'there is no checkpoint yet';
          throw new VlltrError('ERR_NOT_FINITE', `${name}: step ${t + 1}: ${bad} is ${outputs[bad]}${what}; ${good}`);
        }
        disposeTree(result.outputs, result.state);
        disposeTree(state, result.state);
        state = result.state;
      } finally {
        disposeTree(inputs, state);
      }
      done = t + 1;

      const now = performance.now();
      const took = (now - last) / 1000;
      last = now;
      perStep = Number.isNaN(perStep) ? took : 0.9 * perStep + 0.1 * took;
      const learningRate = spec.learningRate?.(t) ?? Number.NaN;
      const noted = Object.keys(notes ?? {}).length > 0;
      if (done % logEvery === 0 || done === steps || done === 1 || noted) {
        const lr: Record<string, number> = spec.learningRate ? { lr: learningRate } : {};
        await appendMetrics(runDir, {
          stage: name,
          step: done,
          ...lr,
          ...outputs,
          ...notes,
          seconds: round(seconds()),
        });
      }
      if (spec.evaluate && (done % spec.evaluate.every === 0 || done === steps)) {
        const measured = await spec.evaluate.run(state, done);
        await appendMetrics(runDir, { stage: name, step: done, ...measured, seconds: round(seconds()) });
      }
      const due = spec.checkpointEvery ? done % spec.checkpointEvery === 0 : false;
      if (due || done === steps || stopping) await save();
      spec.onProgress?.({
        name,
        step: done,
        steps,
        rate: 1 / perStep,
        eta: (steps - done) * perStep,
        learningRate,
        outputs,
      });
      // Signals and other work reach the process only between turns of the event loop.
      await turn();
    }
    return state;
  } catch (error) {
    disposeTree(state);
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    spec.signal?.removeEventListener('abort', interrupt);
    // Inputs that are there are gone before this returns, those under way when they come: they may take minutes.
    for (const prepared of pending) prepared.then(disposeTree, () => {});
    if (pending.length > 0) await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

type Naming = { layout?: FlatLayout; state: TensorTree };

/** `params 'visual.conv1.weight'` for a packed vector, else the path. */
function elementName(spec: Naming, path: string, index: number): string {
  const tensor = leaves(spec.state).find(([at]) => at === path)?.[1];
  const packed = spec.layout && tensor?.rank === 1 && tensor.size === spec.layout.size;
  return packed ? `${path} of '${nameAt(spec.layout!, index)}'` : `'${path}'`;
}

/** Where NaN or Inf first shows: before the step, in its inputs, in what `diagnose` gives, after the step. */
async function findNonFinite<S extends TensorTree, I extends TensorTree>(
  spec: TrainSpec<S, I>,
  state: S,
  inputs: I,
  next: S,
): Promise<string> {
  const search = async (tree: TensorTree, where: string): Promise<string | undefined> => {
    for (const [path, tensor] of leaves(tree)) {
      if (tensor.dtype !== 'float32') continue;
      const values = await tensor.data();
      const at = firstNonFinite(values);
      if (at >= 0) return ` (${where} ${elementName(spec, path, at)} holds ${values[at]})`;
    }
    return undefined;
  };
  const diagnosed = spec.diagnose ? tf.tidy(() => spec.diagnose!(state, inputs)) : {};
  try {
    return (
      (await search(state, 'before it, the state')) ??
      (await search(inputs, 'its input')) ??
      (await search(diagnosed, 'in it,')) ??
      (await search(next, 'after it, the state')) ??
      ''
    );
  } finally {
    disposeTree(diagnosed, { state, inputs, next });
  }
}
