import { describe, expect, it } from 'vitest';
import { gelu } from '../../lib/ops/gelu.js';
import { tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading } from '../support/compare.js';

/** x, x Φ(x), Φ(x) + x φ(x): float64 values of PyTorch's F.gelu and its gradient. */
const X = [-3, -1, 0, 0.5, 1, 2];
const Y = [-0.00404969409489031, -0.158655253931457, 0, 0.34573123063700656, 0.841344746068543, 1.95449973610364];
const DX = [-0.01194564720418392, -0.0833154705876863, 0.5, 0.867495124656163, 1.08331547058768, 1.0852318010782];

onEveryBackend((backend) => {
  describe('gelu', () => {
    it('has the values and the gradient of PyTorch', () => {
      tf.tidy(() => {
        const x = tf.tensor2d(X, [2, 3]);
        expectNear(gelu(x), Y, 1e-6);
        expectNear(tf.grad((x) => tf.sum(gelu(x)))(x), DX, 1e-6);
      });
    });
    it('reads nothing and leaks nothing', () => {
      const x = tf.tensor1d(X);
      const step = () =>
        tf
          .grad((x) => tf.sum(gelu(x)))(x)
          .dispose();
      expectNoLeak(step);
      if (backend === 'tensorflow') expectNoReading(step);
      x.dispose();
      expect(x.isDisposed).toBe(true);
    });
  });
});
