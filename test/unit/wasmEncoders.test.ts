import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { initialize } from '../../lib/clip/init.js';
import { encodeImage, encodeText, isTrainable } from '../../lib/clip/model.js';
import { classwiseContrastive } from '../../lib/ops/classwiseContrastive.js';
import { l2Normalize } from '../../lib/ops/normalize.js';
import { ready } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';

beforeAll(async () => {
  await ready({ backend: 'wasm', kernels: 'tfjs' });
  (tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;
});
afterAll(async () => {
  await tf.setBackend('wasm');
});

const text = { contextLength: 8, vocabSize: 64, width: 16, heads: 2, layers: 1 };
const configs: Record<string, ClipConfig> = {
  ResNet: { embedDim: 16, text, visual: { kind: 'resnet', layers: [1, 1], width: 8, imageSize: 32 } },
  ViT: { embedDim: 16, text, visual: { kind: 'vit', layers: 2, width: 16, heads: 2, patchSize: 8, imageSize: 16 } },
};

/** Loss and gradients of stage 1's contrastive loss over both encoders, as plain numbers by parameter name. */
function step(config: ClipConfig): { loss: number; gradients: Record<string, number[]> } {
  const params = initialize(config, 1);
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const names = Object.keys(params).filter(isTrainable);
    const size = config.visual.imageSize;
    const pixels = Float32Array.from({ length: 4 * size * size * 3 }, (_, i) => Math.sin(i * 12.9898) * 1.5);
    const images = tf.tensor4d(pixels, [4, size, size, 3]);
    const ids = tf.tensor2d([62, 5, 9, 63, 62, 7, 63, 0, 62, 1, 2, 63, 62, 3, 63, 0], [4, 4], 'int32');
    const labels = tf.tensor1d([0, 1, 2, 0], 'int32');
    const f = (...values: tf.Tensor[]) => {
      const all: TensorMap = { ...params };
      for (const [i, name] of names.entries()) all[name] = values[i]!;
      const image = l2Normalize(encodeImage(config, all, images, { training: true }).features);
      const sentence = l2Normalize(encodeText(config, all, ids));
      return classwiseContrastive({ image, text: sentence, labels, logitScale: all.logit_scale as tf.Scalar }).loss;
    };
    const { value, grads } = tf.valueAndGrads(f)(names.map((name) => params[name]!));
    const gradients = Object.fromEntries(names.map((name, i) => [name, Array.from(grads[i]!.dataSync())]));
    return { loss: value.dataSync()[0]!, gradients };
  });
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(params);
  return result;
}

describe('one training step on wasm', () => {
  for (const [name, config] of Object.entries(configs)) {
    it(`${name} and text encoder: loss and every gradient as on cpu`, async () => {
      await tf.setBackend('cpu');
      const expected = step(config);
      await tf.setBackend('wasm');
      const actual = step(config);
      expect(actual.loss).toBeCloseTo(expected.loss, 4);
      expect(actual.loss).toBeGreaterThan(0);
      for (const [parameter, want] of Object.entries(expected.gradients)) {
        const got = actual.gradients[parameter]!;
        const scale = Math.max(1e-3, ...want.map(Math.abs));
        const off = Math.max(...want.map((value, i) => Math.abs(value - got[i]!)));
        expect(off / scale, parameter).toBeLessThan(2e-3);
      }
    });
  }
});
