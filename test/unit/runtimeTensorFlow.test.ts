import util from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { attr, executeOp, hasTensorFlow } from '../../lib/runtime/fused.js';
import { ready } from '../../lib/runtime/ready.js';
import { candidates, installedTensorFlow, restoreRemovedUtilities } from '../../lib/runtime/tensorflow.js';
import { tf } from '../../lib/runtime/tf.js';

const installed = installedTensorFlow('cpu') ?? installedTensorFlow('user') ?? installedTensorFlow('cuda');
// `npm test` sets TensorFlow up; where it cannot be had, wasm serves and the other tests cover it.
describe.skipIf(!installed)('backend tensorflow', () => {
  beforeAll(async () => {
    await ready({ backend: 'tensorflow' });
  });

  it('is what auto takes', async () => {
    const found = await ready();
    expect(found.backend).toBe('tensorflow');
    expect(found.device).toBe('cpu');
    expect(found.tensorflow).toMatch(/^2\.\d+\.\d+/);
    expect(found.folder).toBe(installed!.layout.folder);
    expect(hasTensorFlow()).toBe(true);
  });

  it('refuses a device that is not there', async () => {
    await expect(ready({ device: 'cuda' })).rejects.toMatchObject({ code: 'ERR_BACKEND' });
  });

  it('has gradients of convolutions', () => {
    const gradient = tf.tidy(() => {
      const f = (w: tf.Tensor) => tf.conv2d(tf.ones([1, 3, 3, 1]) as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
      return tf
        .grad(f)(tf.ones([3, 3, 1, 1]))
        .dataSync();
    });
    expect(Array.from(gradient)).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4]);
  });

  it('runs TensorFlow ops by name, fused batch norm among them', () => {
    const before = tf.memory().numTensors;
    const [x, ones, zeros, none] = [
      tf.tensor4d([1, 2, 3, 6], [4, 1, 1, 1]),
      tf.ones([1]),
      tf.zeros([1]),
      tf.tensor1d([]),
    ];
    const outputs = executeOp(
      'FusedBatchNormV3',
      [
        attr.type('T', 'float32'),
        attr.type('U', 'float32'),
        attr.float('epsilon', 0),
        attr.float('exponential_avg_factor', 1),
        attr.string('data_format', 'NHWC'),
        attr.bool('is_training', true),
      ],
      [x, ones, zeros, none, none],
      6,
    );
    const y = Array.from(outputs[0]!.dataSync());
    const deviation = Math.sqrt(3.5);
    for (const [i, value] of [1, 2, 3, 6].entries()) expect(y[i]).toBeCloseTo((value - 3) / deviation, 5);
    expect(outputs[1]!.dataSync()[0]).toBeCloseTo(3, 6);
    tf.dispose([...outputs, x, ones, zeros, none]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('turns a refusal of TensorFlow into an error of this package, and goes on', () => {
    const x = tf.ones([2, 3]);
    const attributes = [attr.bool('transpose_a', false), attr.bool('transpose_b', false), attr.type('T', 'float32')];
    expect(() => executeOp('MatMul', attributes, [x, x], 1)).toThrow(
      expect.objectContaining({ code: 'ERR_NATIVE', message: expect.stringContaining('MatMul refused') }),
    );
    expect(() => executeOp('NoSuchOp', [], [x], 1)).toThrow(expect.objectContaining({ code: 'ERR_NATIVE' }));
    expect(tf.sum(x).dataSync()[0]).toBe(6);
  });

  it('has the functions of util that tfjs-node calls and Node 23 removed', () => {
    const functions = util as unknown as Record<string, ((value: unknown) => boolean) | undefined>;
    const { isNullOrUndefined, isArray } = functions;
    try {
      functions.isNullOrUndefined = undefined;
      functions.isArray = undefined;
      restoreRemovedUtilities();
      expect([null, undefined, 0].map((value) => functions.isNullOrUndefined!(value))).toEqual([true, true, false]);
      expect(functions.isArray!([])).toBe(true);
    } finally {
      Object.assign(functions, { isNullOrUndefined, isArray });
    }
  });
});

describe('choice of a TensorFlow', () => {
  it('prefers CUDA only where a GPU is, and takes it alone when forced', () => {
    expect(candidates('auto', false)).toEqual(['cpu', 'cuda']);
    expect(candidates('auto', true)).toEqual(['cuda', 'cpu']);
    expect(candidates('cpu', true)).toEqual(['cpu', 'cuda']);
    expect(candidates('cuda', false)).toEqual(['cuda']);
  });
});
