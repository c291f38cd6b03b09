import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import { type AdamwArguments, type AdamwRule, adamwBy } from '../../lib/ops/adamw.js';
import { capture } from '../../lib/runtime/capture/index.js';
import type { KernelRoute } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { disposeTree } from '../../lib/runtime/tree.js';
import { adamwInit, adamwRules, MAX_LOGIT_SCALE } from '../../lib/training/adamw.js';
import { flatLayout, pack, unpack } from '../../lib/training/flat.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading } from '../support/compare.js';
import { hashed } from '../support/hashed.js';
import { onEveryRoute } from '../support/routes.js';

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
/** float64 values: test/reference/adamw.py. */
const reference: Reference = JSON.parse(readFileSync(new URL('../reference/adamw.json', import.meta.url), 'utf8'));
const tensors = (values: Record<string, number[]>): TensorMap =>
  Object.fromEntries(Object.entries(values).map(([n, v]) => [n, tf.tensor(v, reference.shapes[n]!, 'float32')]));

type Moving = Pick<AdamwArguments, 'params' | 'm' | 'v'>;
const free: AdamwRule = { weightDecay: 0, rate: 1, upperBound: Infinity };

/** A small step: a matrix, a scalar that is bounded, a vector. */
function example(): AdamwArguments {
  const all: TensorMap = { w: tf.ones([2, 2]), logit_scale: tf.scalar(4.6), b: tf.ones([3]) };
  const layout = flatLayout(all);
  return {
    params: pack(layout, all),
    ...adamwInit(layout),
    grads: layout.shapes.map((shape) => tf.fill([...shape], -1)),
    rules: adamwRules(layout, { weightDecay: 0.05 }),
    learningRate: tf.scalar(0.1),
    step: tf.scalar(1),
  };
}

function testRoute(route: KernelRoute): void {
  it.each(reference.runs)('equals torch.optim.AdamW: clip $clip, multiplier $multiplier', (run) => {
    tf.tidy(() => {
      const start = tensors(reference.start);
      const layout = flatLayout(start);
      const rules = adamwRules(layout, {
        weightDecay: 0.05,
        decayScalars: run.decayScalars,
        freeLogitScale: true,
        lrFactor: (name) => (name.startsWith('head') ? run.multiplier : 1),
      });
      let state: Moving = { params: pack(layout, start), ...adamwInit(layout) };
      reference.grads.forEach((given, i) => {
        const grads = Object.values(tensors(given));
        const [learningRate, step] = [tf.scalar(reference.rate[i]!), tf.scalar(i + 1)];
        const clipNorm = run.clip ?? undefined;
        const { gradNorm, ...next } = adamwBy(route, { ...state, grads, rules, learningRate, step, clipNorm });
        expect(gradNorm.shape).toEqual([]);
        expectNear(gradNorm, run.norms[i]!, 1e-6);
        state = next;
      });
      const params = unpack(layout, state.params);
      // Twelve steps of at most 0.01 each in float32.
      for (const [name, expected] of Object.entries(run.params)) expectNear(params[name]!, expected, 1e-6, 2);
    });
  });

  it('bounds a parameter wherever it lies, and nothing else; NaN stays NaN', () => {
    tf.tidy(() => {
      const given = example();
      for (const order of [[0, 1, 2], [1, 0, 2], [0, 2, 1], [1]]) {
        const grads = order.map((i) => given.grads[i]!);
        const rules = order.map((i) => given.rules[i]!);
        const params = tf.concat1d(grads.map((g) => tf.fill([g.size], 4.6) as tf.Tensor1D));
        const moments = { m: tf.zerosLike(params), v: tf.zerosLike(params) };
        const call = { ...given, ...moments, params, grads };
        const bound = adamwBy(route, { ...call, rules }).params;
        const loose = adamwBy(route, {
          ...call,
          rules: rules.map((rule) => ({ ...rule, upperBound: Infinity })),
        }).params;
        const at = grads.slice(0, order.indexOf(1)).reduce((sum, { size }) => sum + size, 0);
        loose.dataSync().forEach((x, i) => {
          expect(bound.dataSync()[i]).toBe(i === at ? Math.fround(MAX_LOGIT_SCALE) : x);
        });
      }
      const grads = given.grads.map((g, i) => (i === 1 ? tf.scalar(NaN) : g));
      const { params, gradNorm } = adamwBy(route, { ...given, grads });
      expect([...params.dataSync()].map(Number.isNaN)).toEqual([0, 0, 0, 0, 1, 0, 0, 0].map(Boolean));
      expect(gradNorm.dataSync()[0]).toBeNaN();
    });
  });

  it('leaves its inputs as they are and leaks nothing, done or refused', () => {
    const given = example();
    const before = [...given.params.dataSync()];
    expectNoLeak(() => disposeTree(adamwBy(route, { ...given, clipNorm: 1 })));
    expect([...given.params.dataSync()]).toEqual(before);
    expectNoLeak(() => expect(() => adamwBy(route, { ...given, clipNorm: 0 })).toThrow(VlltrError));
    tf.dispose(given as unknown as tf.TensorContainer);
  });

  if (route !== 'node') {
    it('reads no tensor, so that a captured step can hold it', () => {
      tf.tidy(() => {
        const given = example();
        expectNoReading(() => adamwBy(route, { ...given, clipNorm: 1 }));
      });
    });
  }
}

/** Fifty captured steps by a route: the last state. */
function captured(route: KernelRoute, steps: number): Moving {
  const shapes = [[97, 13], [13], [], [33, 64], [64]];
  const rules: AdamwRule[] = shapes.map(({ length }, i) => ({
    weightDecay: length > 1 ? 0.05 : 0,
    rate: i > 2 ? 0.1 : 1,
    upperBound: length === 0 ? 0.01 : Infinity,
  }));
  const size = shapes.map((shape) => tf.util.sizeFromShape(shape)).reduce((a, b) => a + b);
  const step = capture((state: Moving & TensorMap, inputs: TensorMap) => {
    const { learningRate, step, ...grads } = inputs as TensorMap & { learningRate: tf.Scalar; step: tf.Scalar };
    const { gradNorm, ...next } = adamwBy(route, {
      ...state,
      grads: Object.values(grads),
      rules,
      learningRate,
      step,
      clipNorm: 1,
    });
    return { state: next, outputs: { gradNorm } };
  });
  let state: Moving & TensorMap = { params: tf.tensor1d(hashed('p', size)), m: tf.zeros([size]), v: tf.zeros([size]) };
  for (let t = 1; t <= steps; t++) {
    const inputs: TensorMap = Object.fromEntries(
      shapes.map((shape, i) => {
        const values = hashed(`g${t}-${i}`, tf.util.sizeFromShape(shape)).map((x) => x * 0.3 ** (t % 7));
        return [`g${i}`, tf.tensor(values, shape)];
      }),
    );
    Object.assign(inputs, { learningRate: tf.scalar(1e-3), step: tf.scalar(t) });
    const result = step(state, inputs);
    disposeTree({ state, inputs, outputs: result.outputs });
    state = result.state;
  }
  step.dispose();
  return state;
}

onEveryRoute(
  testRoute,
  () => adamwBy('node', example()),
  () => {
    it('gives in 50 captured steps what the plain formula gives', () => {
      tf.tidy(() => {
        const [fused, plain] = [captured('tensorflow', 50), captured('tfjs', 50)];
        // An update rounds a few times, by 6e-8 each, in either.
        for (const key of ['params', 'm', 'v'] as const)
          expectNear(fused[key], [...plain[key].dataSync()], 50 * 1.2e-7);
      });
    });
  },
);

onEveryBackend(() => {
  it('refuses what it cannot take by name', () => {
    tf.tidy(() => {
      const given = example();
      const expectRefusal = (words: RegExp, changed: Partial<AdamwArguments>) =>
        expect(() => adamwBy('tfjs', { ...given, ...changed })).toThrow(
          expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(words) }),
        );
      expectRefusal(/m is float32 \[3\].*N = 8/, { m: tf.zeros([3]) });
      expectRefusal(/grads is an array of length 2; expected gradients of 8 elements.* they have 5/, {
        grads: given.grads.slice(0, 2),
      });
      expectRefusal(/grads\[1\] is int32/, { grads: [given.grads[0]!, tf.scalar(1, 'int32'), given.grads[2]!] });
      expectRefusal(/rules is an array of length 1; expected 3 rules/, { rules: [free] });
      expectRefusal(/rules\[1\]\.weightDecay is the number -1/, { rules: [free, { ...free, weightDecay: -1 }, free] });
      expectRefusal(/rules\[0\]\.rate/, { rules: [{ ...free, rate: NaN }, free, free] });
      expectRefusal(/rules\[2\]\.upperBound/, { rules: [free, free, { ...free, upperBound: NaN }] });
      expectRefusal(/beta2 is the number 1/, { beta2: 1 });
      expectRefusal(/epsilon is the number -1/, { epsilon: -1 });
      expectRefusal(/clipNorm is the number 0/, { clipNorm: 0 });
      expectRefusal(/learningRate is the number/, { learningRate: 1 as unknown as tf.Scalar });
    });
  });
});
