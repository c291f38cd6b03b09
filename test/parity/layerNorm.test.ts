import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import { layerNorm, layerNormBy, layerNormTfjs } from '../../lib/ops/layerNorm.js';
import type { KernelRoute } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading, type Numbers } from '../support/compare.js';
import { onEveryRoute } from '../support/routes.js';

interface Case {
  name: string;
  shape: number[];
  epsilon: number;
  inputs: { x: number[]; gamma: number[]; beta: number[]; dy: number[] };
  y: Numbers;
  dxTerms: number;
  grads: { x: Numbers; gamma: Numbers; beta: Numbers };
}

/** float64 values: test/reference/layer_norm.py. */
const cases: Case[] = JSON.parse(readFileSync(new URL('../reference/layer_norm.json', import.meta.url), 'utf8'));

/** What float32 sums of squares and differences of the plain formula cannot hold. */
const BEYOND_PLAIN = ['huge values', 'mean far above the deviation'];

const tensors = ({ inputs, shape }: Case): [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor] => [
  tf.tensor(inputs.x, undefined, 'float32').reshape(shape),
  tf.tensor1d(inputs.gamma),
  tf.tensor1d(inputs.beta),
  tf.tensor(inputs.dy).reshape(shape),
];

function testRoute(route: KernelRoute): void {
  const call = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon?: number) =>
    layerNormBy(route, x, gamma, beta, epsilon);
  const native = route !== 'tfjs';

  it.each(cases.filter(({ name }) => native || !BEYOND_PLAIN.includes(name)))('$name', (reference) => {
    const tolerance = native ? 1e-6 : 5e-6;
    tf.tidy(() => {
      const [x, gamma, beta, dy] = tensors(reference);
      const y = call(x, gamma, beta, reference.epsilon);
      expect(y.shape).toEqual(reference.shape);
      expectNear(y, reference.y, tolerance);
      const [dx, dgamma, dbeta] = tf.grads((x, gamma, beta) => call(x!, gamma!, beta!, reference.epsilon))(
        [x, gamma, beta],
        dy,
      ) as [tf.Tensor, tf.Tensor, tf.Tensor];
      expect(dx.shape).toEqual(reference.shape);
      expectNear(dx, reference.grads.x, tolerance, reference.dxTerms);
      expectNear(dgamma, reference.grads.gamma, tolerance, 1); // with D = 1 it cancels to 0
      expectNear(dbeta, reference.grads.beta, tolerance);
    });
  });

  it('lets its inputs be disposed before the backward pass', () => {
    const [x, gamma, beta] = tensors(cases[3]!);
    const { value, grads } = tf.tidy(() =>
      tf.valueAndGrads((x, gamma, beta) => {
        const shifted = tf.mul(x!, 2);
        const y = call(shifted, gamma!, beta!);
        shifted.dispose();
        return tf.sum(tf.square(y));
      })([x, gamma, beta]),
    );
    for (const gradient of grads) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    tf.dispose([x, gamma, beta, value, grads]);
  });

  it('leaks nothing, forward, backward and refused', () => {
    const [x, gamma, beta, dy] = tensors(cases[5]!);
    expectNoLeak(() => call(x, gamma, beta).dispose());
    expectNoLeak(() => tf.dispose(tf.grads((x, g, b) => call(x!, g!, b!))([x, gamma, beta], dy)));
    expectNoLeak(() => expect(() => call(x, x, beta)).toThrow(VlltrError));
    tf.dispose([x, gamma, beta, dy]);
  });

  it('is one op among others: same tensor twice, sums over a batch, no rows', () => {
    tf.tidy(() => {
      const same = tf.tensor1d([0.5, -1, 2]);
      const sum = (f: typeof call) =>
        tf.grad((v: tf.Tensor) => tf.sum(tf.square(f(tf.stack([v, tf.mul(v, -3)]), v, v))))(same);
      expectNear(sum(call), sum(layerNormTfjs).arraySync() as number[], 1e-5);
      if (native) expect(call(tf.zeros([0, 3]), same, same).shape).toEqual([0, 3]);
    });
  });

  if (route !== 'node') {
    it('reads no tensor, so that a captured step can hold it', () => {
      tf.tidy(() => {
        const [x, gamma, beta, dy] = tensors(cases[4]!);
        expectNoReading(() => tf.grads((x, g, b) => call(x!, g!, b!))([x, gamma, beta], dy));
      });
    });
  }
}

onEveryRoute(testRoute, () => layerNormBy('node', tf.ones([2, 3]), tf.ones([3]), tf.zeros([3])));

onEveryBackend(() => {
  it('refuses what it cannot take by name', () => {
    tf.tidy(() => {
      const gamma = tf.ones([3]);
      const expectRefusal = (words: RegExp, ...args: Parameters<typeof layerNorm>) =>
        expect(() => layerNorm(...args)).toThrow(
          expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(words) }),
        );
      expectRefusal(/x is float32 \[\].*expected float32 \[\.\.\., D\]/, tf.scalar(1), gamma, gamma);
      expectRefusal(/x is int32 \[2,3\]/, tf.ones([2, 3], 'int32'), gamma, gamma);
      expectRefusal(/gamma is float32 \[3\].*D = 4/, tf.ones([2, 4]), gamma, gamma);
      expectRefusal(/beta is float32 \[4\].*D = 3/, tf.ones([2, 3]), gamma, tf.ones([4]));
      expectRefusal(/epsilon is the number -1/, tf.ones([2, 3]), gamma, gamma, -1);
    });
  });
});
