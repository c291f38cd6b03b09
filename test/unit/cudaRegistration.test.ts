import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadFrom } from '../../bindings/load.js';
import { attr, executeOp } from '../../lib/runtime/fused.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';

const addon = fileURLToPath(new URL('../../build/native-cuda/Release/vl_ltr.node', import.meta.url));
const lacking = existsSync(addon)
  ? await ready({ backend: 'tensorflow', kernels: 'tfjs', device: 'cpu' }).then(
      () => undefined,
      (error: Error) => error.message,
    )
  : 'npm run build:cuda has not been run';

describe.skipIf(lacking)(lacking ? `skipped: ${lacking}` : 'the addon with CUDA kernels', () => {
  it("registers them for TensorFlow's GPUs, of which there need be none, beside the CPU's", () => {
    const both = ['CPU', 'GPU'];
    expect(loadFrom([addon]).registerTensorFlowOps().kernels).toEqual({
      VlltrAdamw: both,
      VlltrAnchorAttention: both,
      VlltrAnchorAttentionGrad: both,
      VlltrContrastive: both,
      VlltrContrastiveGrad: both,
      VlltrLayerNorm: ['CPU'],
      VlltrLayerNormGrad: ['CPU'],
    });
    const attributes = ['one_minus_beta1', 'one_minus_beta2', 'epsilon', 'clip_norm'].map((name) =>
      attr.float(name, 1),
    );
    const [one, none] = [tf.ones([1]), tf.zeros([1])];
    const inputs = [one, none, none, tf.scalar(0.5), tf.scalar(1), tf.tensor2d([[0, 1, Infinity]]), one];
    // β of 0, ε of 1: a step of half the gradient over |g| + 1.
    const [params] = executeOp('VlltrAdamw', [attr.int('count', 1), ...attributes], inputs, 4);
    expect(params!.dataSync()[0]).toBeCloseTo(0.75, 6);
  });
});
