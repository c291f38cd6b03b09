// What ops do where TensorFlow computes on a card, without one: the runtime says so, and what is given to TensorFlow is looked at.
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { classwiseContrastive } from '../../lib/ops/classwiseContrastive.js';
import { layerNorm, layerNormTfjs } from '../../lib/ops/layerNorm.js';
import { tf } from '../../lib/runtime/tf.js';
import { startCpu } from '../../lib/runtime/wasm.js';

const where = vi.hoisted(() => ({ device: 'cuda', kernelDevice: 'cuda' }));
const executeOp = vi.hoisted(() => vi.fn());
vi.mock('../../lib/runtime/ready.js', () => ({ kernels: () => 'tensorflow', runtime: () => where }));
vi.mock(import('../../lib/runtime/fused.js'), async (original) => ({ ...(await original()), executeOp }));

beforeAll(startCpu);

describe('with TensorFlow on a card', () => {
  it('layer norm stays there by its plain formula, having no kernel for one', () => {
    tf.tidy(() => {
      const [x, gamma, beta] = [tf.tensor2d([[1, 2, 4]]), tf.tensor1d([1, 2, 3]), tf.tensor1d([0, 1, 0])];
      expect(layerNorm(x, gamma, beta).arraySync()).toEqual(layerNormTfjs(x, gamma, beta, 1e-5).arraySync());
    });
    expect(executeOp).not.toHaveBeenCalled();
  });

  it.each([
    ['none where the kernels compute on the card too', 'cuda', 0],
    ['all where they compute on the CPU', 'cpu', 9],
  ])('the loss keeps similarities: %s', (_, kernelDevice, kept) => {
    where.kernelDevice = kernelDevice;
    executeOp
      .mockReset()
      .mockImplementation(() => [tf.zeros([3]), tf.zeros([3, 3]), tf.zeros([3, 3]), tf.zeros([kept])]);
    tf.tidy(() => {
      const unit = tf.eye(3);
      classwiseContrastive({
        image: unit,
        text: unit,
        labels: tf.tensor1d([0, 1, 2], 'int32'),
        logitScale: 0,
        smoothing: 0,
      });
      const [name, , inputs] = executeOp.mock.calls[0] as [string, unknown, tf.Tensor[]];
      expect(name).toBe('VlltrContrastive');
      expect(inputs.at(-1)!.shape).toEqual([kept, 0]);
    });
  });
});
