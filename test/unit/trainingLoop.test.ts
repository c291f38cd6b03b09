import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/files/safetensors.js';
import { tf } from '../../lib/runtime/tf.js';
import { flatLayout } from '../../lib/training/flat.js';
import { checkpointPath, Interrupted, type Progress, type TrainSpec, train } from '../../lib/training/loop.js';
import { readMetrics } from '../../lib/training/metrics.js';
import { onEveryBackend } from '../support/backends.js';

let folder = '';
let runs = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vlltr-loop-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const runDir = (): string => join(folder, `run${runs++}`);

type State = { w: tf.Tensor1D; stats: { count: tf.Scalar; frozen: tf.Tensor1D } };
type Inputs = { x: tf.Tensor1D };

/** w ← w + x, x = t + 1; output `loss` = Σw. `frozen` passes through untouched. */
function spec(dir: string, more: Partial<TrainSpec<State, Inputs>> = {}): TrainSpec<State, Inputs> {
  return {
    runDir: dir,
    name: 'toy',
    steps: 7,
    configuration: { seed: 1, model: { width: 2 } },
    state: { w: tf.zeros([2]), stats: { count: tf.scalar(0, 'int32'), frozen: tf.tensor1d([5]) } },
    step: (state, { x }) => {
      const w = state.w.add(x) as tf.Tensor1D;
      return {
        state: { w, stats: { count: state.stats.count.add(tf.scalar(1, 'int32')), frozen: state.stats.frozen } },
        outputs: { loss: w.sum() },
      };
    },
    inputs: async (t) => ({ x: tf.fill([2], t + 1) }),
    learningRate: (t) => 1 / (t + 1),
    logEvery: 2,
    warn: () => {},
    ...more,
  };
}

onEveryBackend(() => {
  it('runs, records, keeps two checkpoints and leaks nothing', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    const progress: Progress[] = [];
    const state = await train(spec(dir, { checkpointEvery: 2, onProgress: (p) => progress.push(p) }));
    expect([...state.w.dataSync()]).toEqual([28, 28]);
    expect(state.stats.count.dataSync()[0]).toBe(7);
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose([state.w, state.stats.count, state.stats.frozen]);

    expect(progress.map((p) => p.step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(progress[2]).toMatchObject({ name: 'toy', steps: 7, outputs: { loss: 12 }, learningRate: 1 / 3 });
    expect(progress[6]!.eta).toBe(0);
    const lines = await readMetrics(dir);
    expect(lines.map((l) => [l.stage, l.step, l.loss])).toEqual([
      ['toy', 1, 2],
      ['toy', 2, 6],
      ['toy', 4, 20],
      ['toy', 6, 42],
      ['toy', 7, 56],
    ]);
    expect(lines[1]!.lr).toBe(0.5);
    expect(typeof lines[0]!.seconds).toBe('number');
    expect((await readdir(join(dir, 'checkpoints'))).sort()).toEqual(['toy-6.safetensors', 'toy-7.safetensors']);
    const file = await readSafetensors(checkpointPath(dir, 'toy', 7));
    expect(file.tensors['stats/count']).toMatchObject({ data: Int32Array.of(7), shape: [], dtype: 'I32' });
    expect(file.metadata).toMatchObject({ step: '7', name: 'toy' });
    expect(file.metadata.configurationHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('records every update that has something to note', async () => {
    const dir = runDir();
    tf.dispose(await train(spec(dir, { notes: (t): Record<string, number> => (t === 2 ? { replaced: 3 } : {}) })));
    const lines = await readMetrics(dir);
    expect(lines.map(({ step }) => step)).toEqual([1, 2, 3, 4, 6, 7]);
    expect(lines.flatMap(({ step, replaced }) => (replaced === undefined ? [] : [[step, replaced]]))).toEqual([[3, 3]]);
  });

  it('prepares the inputs of the next step while one runs', async () => {
    const events: string[] = [];
    const base = spec(runDir());
    const state = await train({
      ...base,
      inputs: async (t) => {
        events.push(`prepare ${t}`);
        return base.inputs(t);
      },
      step: (now, inputs) => {
        events.push(`step ${inputs.x.dataSync()[0]! - 1}`);
        return base.step(now, inputs);
      },
      steps: 3,
    });
    expect(events).toEqual(['prepare 0', 'prepare 1', 'step 0', 'prepare 2', 'step 1', 'step 2']);
    tf.dispose(state);
  });

  it('stops on demand and resumes to the same numbers', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    const abort = new AbortController();
    const stop = (p: Progress) => p.step === 3 && abort.abort();
    const error = await train(spec(dir, { signal: abort.signal, onProgress: stop })).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Interrupted);
    expect(error).toMatchObject({ step: 3, stage: 'toy' });
    expect(tf.memory().numTensors).toBe(before);
    // A stage beside it and half a line survive or go as they should.
    await writeFile(
      join(dir, 'metrics.jsonl'),
      `${await readFile(join(dir, 'metrics.jsonl'), 'utf8')}{"stage":"other","step":9}\n{"stage":"toy","step":5}\n{"sta`,
    );
    const seen: number[] = [];
    const state = await train(spec(dir, { resume: true, onProgress: (p) => seen.push(p.step) }));
    expect(seen).toEqual([4, 5, 6, 7]);
    expect([...state.w.dataSync()]).toEqual([28, 28]);
    expect((await readMetrics(dir, 'toy')).map((l) => l.step)).toEqual([1, 2, 4, 6, 7]);
    expect(await readMetrics(dir, 'other')).toHaveLength(1);
    tf.dispose([state.w, state.stats.count, state.stats.frozen]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(['SIGINT', 'SIGTERM', 'its signal'])('%s ends it at once while inputs are being prepared', async (how) => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    const abort = new AbortController();
    const listeners = process.listenerCount('SIGINT');
    let release = (): void => {};
    const decoded = new Promise<void>((resolve) => {
      release = resolve;
    });
    const base = spec(dir, { ahead: 3, signal: abort.signal });
    const stopped = train({
      ...base,
      inputs: async (t) => {
        if (t > 2) await decoded; // which comes after the training has ended
        return base.inputs(t);
      },
      onProgress: ({ step }) => {
        if (step === 3) setTimeout(() => (how === 'its signal' ? abort.abort() : process.emit(how as 'SIGINT')));
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'Interrupted', step: 3 });
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['toy-3.safetensors']);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    expect(tf.memory().numTensors).toBe(before);
    release();
    await new Promise((resolve) => setTimeout(resolve));
    expect(tf.memory().numTensors).toBe(before);
    const state = await train(spec(dir, { resume: true }));
    expect([...state.w.dataSync()]).toEqual([28, 28]);
    tf.dispose([state.w, state.stats.count, state.stats.frozen]);
  });

  it('starts anew without resume: old checkpoints and lines go', async () => {
    const dir = runDir();
    tf.dispose(await train(spec(dir)));
    tf.dispose(await train(spec(dir, { steps: 3 })));
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['toy-3.safetensors']);
    expect((await readMetrics(dir)).map((l) => l.step)).toEqual([1, 2, 3]);
  });

  it('does not take what cannot be read for absent', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    await mkdir(dir);
    await symlink('checkpoints', join(dir, 'checkpoints')); // to itself
    await expect(train(spec(dir, { resume: true }))).rejects.toThrow(/checkpoints cannot be read: ELOOP/);
    await rm(join(dir, 'checkpoints'));
    await mkdir(join(dir, 'metrics.jsonl'));
    await expect(train(spec(dir))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('resumes from the start where there is no checkpoint, and passes over damaged ones', async () => {
    const dir = runDir();
    tf.dispose(await train(spec(dir, { resume: true, checkpointEvery: 3 })));
    const path = checkpointPath(dir, 'toy', 7);
    const bytes = await readFile(path);
    bytes[bytes.length - 3]! ^= 1;
    await writeFile(path, bytes);
    const warnings: string[] = [];
    const seen: number[] = [];
    const state = await train(
      spec(dir, { resume: true, warn: (m) => warnings.push(m), onProgress: (p) => seen.push(p.step) }),
    );
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/toy-7\.safetensors is damaged/);
    expect(seen).toEqual([7]);
    expect([...state.w.dataSync()]).toEqual([28, 28]);
  });

  it('refuses to resume with another configuration or another model, naming what differs', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    tf.dispose(await train(spec(dir)));
    const other = train(spec(dir, { resume: true, configuration: { model: { width: 3 }, seed: 1 } }));
    await expect(other).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(train(spec(dir, { resume: true, configuration: { model: { width: 3 } } }))).rejects.toThrow(
      /\(model\.width: 2 → 3, seed: 1 → absent\)/,
    );
    await expect(train(spec(dir, { resume: true, steps: 9 }))).rejects.toThrow(/\(steps: 7 → 9\)/);
    const state = { ...spec(dir).state, w: tf.zeros([3]) as tf.Tensor1D };
    await expect(train(spec(dir, { resume: true, state }))).rejects.toThrow(/'w' is F32 \[2\]; expected float32 \[3\]/);
    // The order of keys does not matter.
    tf.dispose(await train(spec(dir, { resume: true, configuration: { model: { width: 2 }, seed: 1 } })));
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 12);
  });

  it('stops at NaN with the step and the tensor, the last good checkpoint kept', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    const base = spec(dir);
    const layout = flatLayout({ a: base.state.stats.frozen, b: base.state.stats.frozen }, ['a', 'b']);
    const poisoned = train({
      ...base,
      checkpointEvery: 2,
      layout,
      step: (state, inputs) => {
        const { w } = state;
        const bad = inputs.x.dataSync()[0] === 5 ? tf.tensor1d([1, Number.NaN]) : tf.ones([2]);
        const next = w.mul(bad) as tf.Tensor1D;
        return { state: { ...state, w: next }, outputs: { loss: next.sum() } };
      },
    });
    await expect(poisoned).rejects.toMatchObject({ code: 'ERR_NOT_FINITE' });
    await expect(poisoned).rejects.toThrow(
      /toy: step 5: loss is NaN \(after it, the state w of 'b' holds NaN\); the checkpoint of step 4 is kept/,
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(await readdir(join(dir, 'checkpoints'))).toContain('toy-4.safetensors');
    await rm(dir, { recursive: true });
    const input = train(spec(dir, { inputs: async () => ({ x: tf.tensor1d([0, Number.POSITIVE_INFINITY]) }) }));
    await expect(input).rejects.toThrow(
      /step 1: loss is Infinity \(its input 'x' holds Infinity\); there is no checkp/,
    );
    const gradients = train(
      spec(dir, {
        inputs: async (t) => ({ x: tf.fill([2], t) as tf.Tensor1D }),
        step: (state) => ({ state, outputs: { loss: tf.scalar(Number.NaN) } }),
        diagnose: () => ({ 'visual.conv1.weight': tf.scalar(Number.NaN) }),
      }),
    );
    await expect(gradients).rejects.toThrow(/\(in it, 'visual\.conv1\.weight' holds NaN\)/);
  });

  it('never writes a checkpoint with NaN in it', async () => {
    const dir = runDir();
    const hidden = spec(dir, {
      step: (state) => ({ state: { ...state, w: tf.tensor1d([0, Number.NaN]) }, outputs: { loss: tf.scalar(0) } }),
      steps: 1,
    });
    await expect(train(hidden)).rejects.toThrow(/toy: after step 1 'w' is NaN; no checkpoint was written/);
    expect(await readdir(join(dir, 'checkpoints')).catch(() => [])).toEqual([]);
  });

  it('records evaluations and passes on errors of its callbacks', async () => {
    const dir = runDir();
    const before = tf.memory().numTensors;
    const evaluate = { every: 3, run: async (state: State) => ({ valAll: (await state.w.data())[0]! }) };
    const state = await train(spec(dir, { evaluate }));
    tf.dispose([state.w, state.stats.count, state.stats.frozen]);
    expect((await readMetrics(dir)).filter((l) => 'valAll' in l).map((l) => [l.step, l.valAll])).toEqual([
      [3, 6],
      [6, 21],
      [7, 28],
    ]);
    const inputs = async (t: number) => {
      if (t === 2) throw new Error('unreadable picture');
      return { x: tf.zeros([2]) as tf.Tensor1D };
    };
    await expect(train(spec(dir, { inputs }))).rejects.toThrow('unreadable picture');
    const step = () => {
      throw new Error('broken step');
    };
    await expect(train(spec(dir, { step }))).rejects.toThrow('broken step');
    expect(tf.memory().numTensors).toBe(before);
    await expect(train(spec(dir, { name: '../x' }))).rejects.toThrow(/name is '\.\.\/x'/);
  });
});
