import { describe, expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import { crossEntropy, softCrossEntropy } from '../../lib/ops/crossEntropy.js';
import { l2Normalize } from '../../lib/ops/normalize.js';
import { tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading } from '../support/compare.js';

/** Mean cross-entropy of rows by its definition, in double precision. */
function plainLoss(logits: number[][], targets: number[][], prior: number[]): number {
  const losses = logits.map((row, b) => {
    const z = row.map((v, c) => v + prior[c]!);
    const top = Math.max(...z);
    const logSum = top + Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0));
    return z.reduce((sum, v, c) => sum + targets[b]![c]! * (logSum - v), 0);
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

/** Central differences of `f` at `at`, in double precision. */
function differences(f: (x: number[][]) => number, at: number[][], step: number): number[][] {
  return at.map((row, i) =>
    row.map((_, j) => {
      const moved = (by: number) => at.map((r, k) => (k === i ? r.map((v, l) => (l === j ? v + by : v)) : r));
      return (f(moved(step)) - f(moved(-step))) / (2 * step);
    }),
  );
}

function wave(rows: number, columns: number, size: number): number[][] {
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Math.fround(size * Math.sin(1.7 + 12.9898 * i + 78.233 * j))),
  );
}

const hard = (labels: number[], classes: number): number[][] =>
  labels.map((y) => Array.from({ length: classes }, (_, c) => (c === y ? 1 : 0)));
const smooth = (targets: number[][], epsilon: number): number[][] =>
  targets.map((row) => row.map((t) => (1 - epsilon) * t + epsilon / row.length));
const mixed = wave(5, 7, 2).map((row) => {
  const e = row.map(Math.exp);
  const sum = e.reduce((a, b) => a + b);
  return e.map((v) => v / sum);
});
const prior = [-3, -2.5, -1, -4, -0.5, -2, -6];
const none = prior.map(() => 0);
const labels = [3, 0, 6, 3, 1];

onEveryBackend(() => {
  describe.each([1, 100])('cross-entropy at logits of size %d', (size) => {
    const logits = wave(5, 7, size);
    it.each<[string, number[][], number[], (z: tf.Tensor2D) => tf.Scalar]>([
      ['labels', hard(labels, 7), none, (z) => crossEntropy(z, labels)],
      ['tensor labels', hard(labels, 7), none, (z) => crossEntropy(z, tf.tensor1d(labels, 'int32'))],
      ['smoothing', smooth(hard(labels, 7), 0.1), none, (z) => crossEntropy(z, labels, { smoothing: 0.1 })],
      ['balanced softmax', hard(labels, 7), prior, (z) => crossEntropy(z, labels, { logPrior: prior })],
      ['soft targets', mixed, none, (z) => softCrossEntropy(z, tf.tensor2d(mixed))],
      [
        'soft targets, smoothing and prior',
        smooth(mixed, 0.2),
        prior,
        (z) => softCrossEntropy(z, tf.tensor2d(mixed), { smoothing: 0.2, logPrior: tf.tensor1d(prior) }),
      ],
    ])('%s', (_, targets, bias, op) => {
      tf.tidy(() => {
        const z = tf.tensor2d(logits);
        const loss = plainLoss(logits, targets, bias);
        expectNear(op(z), loss, 2e-6);
        const gradient = tf.grad((v) => tf.mul(op(v as tf.Tensor2D), 3))(z);
        const expected = differences((x) => 3 * plainLoss(x, targets, bias), logits, 1e-5);
        expectNear(gradient, expected, 5e-6);
      });
    });
  });

  it('takes a single row', () => {
    tf.tidy(() => expectNear(crossEntropy(tf.tensor2d([[1, 1]]), [0]), Math.log(2), 1e-6));
  });

  it('leaks nothing and reads nothing', () => {
    const z = tf.tensor2d(wave(5, 7, 1));
    const y = tf.tensor1d(labels, 'int32');
    const step = (): void => {
      const options = { smoothing: 0.1, logPrior: prior };
      tf.dispose([crossEntropy(z, y, options), tf.grad((v) => crossEntropy(v as tf.Tensor2D, y, options))(z)]);
    };
    expectNoLeak(step);
    expectNoReading(step);
    tf.dispose([z, y]);
  });

  describe.each([1, 1e-8])('unit rows from values of size %d', (size) => {
    it('are x/‖x‖, with its gradient', () => {
      const x = wave(4, 5, size);
      const weights = wave(4, 5, 1).reverse();
      const plain = (rows: number[][]): number[][] =>
        rows.map((row) => row.map((v) => v / Math.max(Math.hypot(...row), 1e-12)));
      const f = (rows: number[][]): number =>
        plain(rows).reduce((sum, row, i) => row.reduce((s, v, j) => s + v * weights[i]![j]!, sum), 0);
      tf.tidy(() => {
        const input = tf.tensor2d(x);
        expectNear(l2Normalize(input), plain(x), 1e-6);
        const gradient = tf.grad((v) => tf.sum(tf.mul(l2Normalize(v), tf.tensor2d(weights))))(input);
        expectNear(gradient, differences(f, x, 1e-5 * size), 3e-6);
      });
    });
  });

  it('divides a row below the clamp by the clamp', () => {
    tf.tidy(() => {
      const x = tf.tensor3d([
        [
          [3e-14, -4e-14],
          [0, 0],
        ],
      ]);
      expectNear(
        l2Normalize(x),
        [
          [
            [0.03, -0.04],
            [0, 0],
          ],
        ],
        1e-5,
      );
      const dy = tf.tensor3d([
        [
          [1, 2],
          [-3, 4],
        ],
      ]);
      expectNear(
        tf.grad((v) => l2Normalize(v))(x, dy),
        [
          [
            [1e12, 2e12],
            [-3e12, 4e12],
          ],
        ],
        1e-5,
      );
      expectNear(
        l2Normalize(x, 0.5),
        [
          [
            [6e-14, -8e-14],
            [0, 0],
          ],
        ],
        1e-5,
      );
    });
  });

  it('leaks nothing when it normalises', () => {
    const x = tf.tensor2d(wave(3, 4, 1));
    const step = (): void => tf.dispose([l2Normalize(x), tf.grad((v) => tf.sum(l2Normalize(v)))(x)]);
    expectNoLeak(step);
    expectNoReading(step);
    x.dispose();
  });
});

describe('refusals', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['label out of range', () => crossEntropy(tf.zeros([2, 3]), [0, 3]), /labels\[1\] is the number 3; .*\[0, 2\]/],
    ['too many labels', () => crossEntropy(tf.zeros([2, 3]), [0, 1, 2]), /labels is an array of length 3; .*B = 2/],
    ['targets', () => softCrossEntropy(tf.zeros([2, 3]), tf.zeros([2, 4])), /targets is float32 \[2,4\]/],
    ['prior', () => crossEntropy(tf.zeros([2, 3]), [0, 1], { logPrior: [1] }), /logPrior is an array of length 1/],
    ['smoothing', () => crossEntropy(tf.zeros([2, 3]), [0, 1], { smoothing: 2 }), /smoothing is the number 2/],
    ['scalar row', () => l2Normalize(tf.scalar(1)), /x is float32 \[\]; expected float32 \[..., D\]/],
  ])('%s', (_, call, message) => {
    tf.tidy(() => {
      expect(call).toThrow(VlltrError);
      expect(call).toThrow(message);
    });
  });
});
