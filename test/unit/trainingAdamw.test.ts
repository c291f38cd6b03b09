import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import {
  type AdamwState,
  adamwInit,
  adamwStep,
  decayMask,
  flatLayout,
  logitScaleBound,
  MAX_LOGIT_SCALE,
  nameAt,
  pack,
  perParameter,
  unpack,
} from '../../lib/training/adamw.js';
import { onEveryBackend } from '../support/backends.js';

interface Reference {
  shapes: Record<string, number[]>;
  start: Record<string, number[]>;
  grads: Record<string, number[]>[];
  rate: number[];
  runs: {
    clip: number | null;
    multiplier: number;
    decayScalars: boolean;
    norms: number[];
    params: Record<string, number[]>;
  }[];
}
const reference = JSON.parse(readFileSync(new URL('../reference/adamw.json', import.meta.url), 'utf8')) as Reference;
const tensors = (values: Record<string, number[]>): TensorMap =>
  Object.fromEntries(Object.entries(values).map(([n, v]) => [n, tf.tensor(v, reference.shapes[n]!)]));

onEveryBackend(() => {
  describe('AdamW', () => {
    it.each(reference.runs)('equals torch.optim.AdamW: clip $clip, multiplier $multiplier', (run) => {
      tf.engine().startScope();
      const start = tensors(reference.start);
      const layout = flatLayout(start);
      const mask = decayMask(layout, { decayScalars: run.decayScalars });
      const lrMultiplier =
        run.multiplier === 1 ? undefined : perParameter(layout, (n) => (n.startsWith('head') ? run.multiplier : 1));
      let state: AdamwState = { params: pack(layout, start), ...adamwInit(layout) };
      reference.grads.forEach((grad, i) => {
        const { gradNorm, ...next } = adamwStep(state, pack(layout, tensors(grad)), {
          learningRate: tf.scalar(reference.rate[i]!),
          step: tf.scalar(i + 1),
          decayMask: mask,
          lrMultiplier,
          clipNorm: run.clip ?? undefined,
        });
        expect(gradNorm.dataSync()[0]! / run.norms[i]!).toBeCloseTo(1, 5);
        state = next;
      });
      const params = unpack(layout, state.params);
      for (const [name, expected] of Object.entries(run.params)) {
        const got = params[name]!.dataSync();
        // Twelve steps of at most 0.01 each in float32.
        expected.forEach((x, i) => {
          expect(Math.abs(got[i]! - x), `${name}[${i}]`).toBeLessThan(2e-6);
        });
      }
      tf.engine().endScope();
    });

    it('leaks nothing and bounds logit_scale, wherever it lies', () => {
      for (const names of [
        ['logit_scale', 'w'],
        ['w', 'logit_scale'],
        ['w', 'logit_scale', 'b'],
      ]) {
        const all: TensorMap = { w: tf.ones([2, 2]), logit_scale: tf.scalar(4.6), b: tf.ones([3]) };
        const layout = flatLayout(all, names);
        const state: AdamwState = { params: pack(layout, all), ...adamwInit(layout) };
        const grad = tf.fill([layout.size], -1) as tf.Tensor1D;
        const mask = decayMask(layout);
        const [learningRate, step] = [tf.scalar(0.1), tf.scalar(1)];
        const before = tf.memory().numTensors;
        const options = { learningRate, step, decayMask: mask };
        const free = adamwStep(state, grad, options);
        const bound = adamwStep(state, grad, { ...options, upperBound: logitScaleBound(layout) });
        expect(tf.memory().numTensors).toBe(before + 8);
        const at = layout.offsets[names.indexOf('logit_scale')]!;
        expect(free.params.dataSync()[at]).toBeCloseTo(4.7, 5);
        expect(bound.params.dataSync()[at]).toBeCloseTo(MAX_LOGIT_SCALE, 6);
        free.params.dataSync().forEach((x, i) => {
          if (i !== at) expect(bound.params.dataSync()[i]).toBe(x);
        });
      }
      expect(logitScaleBound(flatLayout({ w: tf.ones([2]) }))).toBeUndefined();
    });

    it('decays matrices only, and scalars on demand', () => {
      const layout = flatLayout({
        w: tf.ones([1, 2]),
        'attn.in_proj_bias': tf.ones([2, 1]),
        n: tf.ones([2]),
        s: tf.scalar(1),
      });
      expect([...decayMask(layout).dataSync()]).toEqual([1, 1, 0, 0, 0, 0, 0]);
      expect([...decayMask(layout, { decayScalars: true }).dataSync()]).toEqual([1, 1, 0, 0, 0, 0, 1]);
    });

    it('names what does not fit', () => {
      const layout = flatLayout({ w: tf.ones([2]) });
      const state = { params: tf.ones([2]) as tf.Tensor1D, ...adamwInit(layout) };
      expect(() =>
        adamwStep(state, tf.ones([3]), { learningRate: tf.scalar(1), step: tf.scalar(1), decayMask: tf.ones([2]) }),
      ).toThrow(/grad has 3 elements, the parameters 2/);
      expect(() => flatLayout({ w: tf.ones([2], 'int32') })).toThrow(/'w' is int32/);
      expect(() => flatLayout({}, ['x'])).toThrow(/no parameter 'x'/);
      expect(() => pack(layout, { w: tf.ones([3]) })).toThrow(/'w' is \[3\]; expected \[2\]/);
      expect(() => unpack(layout, tf.ones([3]))).toThrow(/3 elements, not 2/);
    });
  });

  describe('flat layout', () => {
    it.each([
      ['one parameter', ['a']],
      ['several', ['a', 'b', 'c']],
    ])('packs, unpacks and differentiates %s', (_, names) => {
      const all: TensorMap = { a: tf.tensor2d([[1, 2]]), b: tf.scalar(3), c: tf.tensor1d([4, 5]) };
      const layout = flatLayout(all, names);
      const flat = pack(layout, all);
      const back = unpack(layout, flat);
      for (const name of names) {
        expect(back[name]!.shape).toEqual(all[name]!.shape);
        expect([...back[name]!.dataSync()]).toEqual([...all[name]!.dataSync()]);
      }
      // b is not used by the loss: its gradient is zero, not an error.
      const grad = tf.grad((x) =>
        unpack(layout, x as tf.Tensor1D)
          .a!.square()
          .sum(),
      )(flat);
      expect([...grad.dataSync()]).toEqual(names.length === 1 ? [2, 4] : [2, 4, 0, 0, 0]);
      expect(nameAt(layout, layout.size - 1)).toBe(names.at(-1));
      expect(nameAt(layout, 1)).toBe('a');
    });
  });
});
