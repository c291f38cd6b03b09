import { beforeAll, describe, expect, it } from 'vitest';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';

// Every kernel that the encoders and losses need for a training step, value and gradients, on wasm against the backend cpu.
beforeAll(async () => {
  await ready({ backend: 'wasm', kernels: 'tfjs' });
  (tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;
});

/** Deterministic values in [-1, 1), the same on every backend. */
function values(shape: number[], seed: number): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: size }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 0.9);
  return tf.tensor(data, shape);
}

async function on(backend: string, f: (...x: tf.Tensor[]) => tf.Tensor, shapes: number[][]): Promise<number[][]> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const inputs = shapes.map((shape, i) => values(shape, i + 1));
    const y = f(...inputs);
    const dy = values(y.shape, 99);
    const gradients = tf.grads((...x: tf.Tensor[]) => f(...x))(inputs, dy);
    return [y, ...gradients].map((t) => Array.from(t.dataSync()));
  });
  expect(tf.memory().numTensors).toBe(before);
  return result;
}

type Case = [name: string, f: (...x: never[]) => tf.Tensor, shapes: number[][]];
const ids = () => tf.tensor1d([3, 0, 3, 1], 'int32');
const cases: Case[] = [
  [
    'conv2d 3x3 same',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, 'same'),
    [
      [2, 6, 5, 3],
      [3, 3, 3, 4],
    ],
  ],
  [
    'conv2d 3x3 same stride 2',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 2, 'same'),
    [
      [2, 7, 6, 3],
      [3, 3, 3, 4],
    ],
  ],
  [
    'conv2d 3x3 padding 1 stride 2',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 2, 1),
    [
      [2, 8, 8, 3],
      [3, 3, 3, 4],
    ],
  ],
  [
    'conv2d 1x1',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, 'valid'),
    [
      [2, 4, 4, 3],
      [1, 1, 3, 5],
    ],
  ],
  [
    'conv2d patches',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 4, 'valid'),
    [
      [2, 8, 8, 3],
      [4, 4, 3, 6],
    ],
  ],
  [
    'conv2d unused border',
    (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 2, 'valid'),
    [
      [1, 8, 8, 2],
      [3, 3, 2, 2],
    ],
  ],
  ['avgPool', (x: tf.Tensor4D) => tf.avgPool(x, 2, 2, 'valid'), [[2, 6, 6, 3]]],
  ['gather', (x: tf.Tensor) => tf.gather(x, ids()), [[5, 3]]],
  ['gather axis 1', (x: tf.Tensor) => tf.gather(x, tf.tensor1d([1, 1, 0], 'int32'), 1), [[2, 3, 4]]],
  [
    'gather, ids of rank 2',
    (x: tf.Tensor) =>
      tf.gather(
        x,
        tf.tensor2d(
          [
            [1, 2],
            [2, 0],
          ],
          [2, 2],
          'int32',
        ),
      ),
    [[4, 3]],
  ],
  [
    'matMul',
    (a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b),
    [
      [3, 4],
      [4, 5],
    ],
  ],
  [
    'matMul batched, transposed',
    (a: tf.Tensor3D, b: tf.Tensor3D) => tf.matMul(a, b, false, true),
    [
      [2, 3, 4],
      [2, 5, 4],
    ],
  ],
  [
    'matMul of rank 4',
    (a: tf.Tensor4D, b: tf.Tensor4D) => tf.matMul(a, b, false, true),
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
  ],
  ['softmax', (x: tf.Tensor) => tf.softmax(x), [[3, 5]]],
  ['logSoftmax', (x: tf.Tensor) => tf.logSoftmax(x), [[3, 5]]],
  ['logSumExp', (x: tf.Tensor) => tf.logSumExp(x, 1), [[3, 5]]],
  ['relu', (x: tf.Tensor) => tf.relu(x), [[3, 5]]],
  ['sigmoid', (x: tf.Tensor) => tf.sigmoid(x), [[3, 5]]],
  ['quick gelu', (x: tf.Tensor) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))), [[3, 5]]],
  ['tanh', (x: tf.Tensor) => tf.tanh(x), [[3, 5]]],
  ['exp', (x: tf.Tensor) => tf.exp(x), [[3, 5]]],
  ['log', (x: tf.Tensor) => tf.log(tf.add(tf.abs(x), 0.5)), [[3, 5]]],
  ['softplus', (x: tf.Tensor) => tf.softplus(x), [[3, 5]]],
  ['mean', (x: tf.Tensor) => tf.mean(x, [1, 2]), [[2, 3, 4, 5]]],
  ['sum', (x: tf.Tensor) => tf.sum(x, 0), [[3, 5]]],
  ['max', (x: tf.Tensor) => tf.max(x, 1), [[3, 5]]],
  ['prod', (x: tf.Tensor) => tf.prod(x, 1), [[3, 5]]],
  ['unit rows', (x: tf.Tensor) => tf.div(x, tf.maximum(tf.norm(x, 2, 1, true), 1e-12)), [[3, 5]]],
  ['rsqrt', (x: tf.Tensor) => tf.rsqrt(tf.add(tf.square(x), 1e-5)), [[3, 5]]],
  ['sqrt', (x: tf.Tensor) => tf.sqrt(tf.add(tf.square(x), 1)), [[3, 5]]],
  ['pow', (x: tf.Tensor) => tf.pow(tf.abs(x), 1.5), [[3, 5]]],
  [
    'squared difference',
    (a: tf.Tensor, b: tf.Tensor) => tf.squaredDifference(a, b),
    [
      [3, 5],
      [3, 5],
    ],
  ],
  [
    'div',
    (a: tf.Tensor, b: tf.Tensor) => tf.div(a, tf.add(b, 3)),
    [
      [3, 5],
      [3, 1],
    ],
  ],
  [
    'minimum, maximum',
    (a: tf.Tensor, b: tf.Tensor) => tf.minimum(tf.maximum(a, b), 0.5),
    [
      [3, 5],
      [3, 5],
    ],
  ],
  ['clip', (a: tf.Tensor) => tf.clipByValue(a, -0.3, 0.4), [[3, 5]]],
  [
    'where',
    (a: tf.Tensor, b: tf.Tensor) => tf.where(tf.greater(values([3, 5], 7), 0), a, b),
    [
      [3, 5],
      [3, 5],
    ],
  ],
  ['split and concat', (x: tf.Tensor) => tf.concat(tf.split(x, [1, 2, 3], 1).reverse(), 1), [[2, 6]]],
  ['stack and unstack', (x: tf.Tensor) => tf.stack(tf.unstack(x, 1), 0), [[2, 3, 4]]],
  ['slice', (x: tf.Tensor) => tf.slice(x, [0, 1, 0], [-1, 2, 3]), [[2, 3, 4]]],
  [
    'pad',
    (x: tf.Tensor) =>
      tf.pad(x, [
        [0, 0],
        [1, 2],
      ]),
    [[2, 3]],
  ],
  ['tile', (x: tf.Tensor) => tf.tile(x, [2, 1, 3]), [[2, 3, 2]]],
  ['broadcast', (x: tf.Tensor) => tf.broadcastTo(x, [4, 2, 3]), [[2, 3]]],
  ['transpose', (x: tf.Tensor) => tf.transpose(x, [0, 2, 1, 3]), [[2, 3, 4, 2]]],
  ['expand and squeeze', (x: tf.Tensor) => tf.squeeze(tf.expandDims(x, 1), [1]), [[2, 3]]],
  ['cumsum', (x: tf.Tensor) => tf.cumsum(x, 1), [[3, 4]]],
  [
    'batch norm of batch statistics',
    (x: tf.Tensor4D, g: tf.Tensor1D, b: tf.Tensor1D) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, b, g, 1e-5);
    },
    [[2, 4, 4, 3], [3], [3]],
  ],
  [
    'batch norm of running statistics',
    (x: tf.Tensor4D, g: tf.Tensor1D, b: tf.Tensor1D) =>
      tf.batchNorm(x, tf.fill([3], 0.1), tf.fill([3], 0.7), b, g, 1e-5),
    [[2, 4, 4, 3], [3], [3]],
  ],
  [
    'layer norm',
    (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), g), b);
    },
    [[2, 3, 8], [8], [8]],
  ],
  ['one-hot product', (x: tf.Tensor2D) => tf.matMul(tf.oneHot(ids(), 5).cast('float32') as tf.Tensor2D, x), [[5, 3]]],
];

describe('kernels of a training step on wasm', () => {
  for (const [name, f, shapes] of cases) {
    it(name, async () => {
      const op = f as unknown as (...x: tf.Tensor[]) => tf.Tensor;
      const expected = await on('cpu', op, shapes);
      const actual = await on('wasm', op, shapes);
      expect(actual.length).toBe(expected.length);
      for (const [i, want] of expected.entries()) {
        const got = actual[i]!;
        expect(got.length).toBe(want.length);
        for (const [j, value] of want.entries()) expect(Math.abs(got[j]! - value)).toBeLessThan(1e-4);
      }
    });
  }
});

describe('UnsortedSegmentSum on wasm', () => {
  it('leaves out ids outside the segments and keeps int32', async () => {
    await tf.setBackend('wasm');
    const x = tf.tensor2d(
      [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
      ],
      [4, 2],
      'int32',
    );
    const sum = tf.unsortedSegmentSum(x, tf.tensor1d([1, -1, 1, 3], 'int32'), 3);
    expect(sum.dtype).toBe('int32');
    expect(Array.from(sum.dataSync())).toEqual([0, 0, 6, 8, 0, 0]);
  });
});
