import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { toFile } from '../../lib/clip/layout.js';
import { encodeImage, encodeText, isTrainable } from '../../lib/clip/model.js';
import { interpolatePositions } from '../../lib/clip/positions.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading, relativeError } from '../support/compare.js';
import { hashed } from '../support/hashed.js';
import { hashedParams } from '../support/hashedClip.js';

/** Norm of a gradient and its product with a hashed direction, both in PyTorch's layout. */
type Gradients = Record<string, [norm: number, product: number]>;
interface Encoded {
  features: number[];
  gradients: Gradients;
}
interface Visual {
  config: ClipConfig;
  eval: Encoded;
  train?: Encoded;
  batchStats?: Record<string, number[]>;
}

/** float64 values of PyTorch's layers: test/reference/clip.py. */
const reference = JSON.parse(readFileSync(new URL('../reference/clip.json', import.meta.url), 'utf8')) as {
  visual: Record<string, Visual>;
  text: Encoded & { config: ClipConfig; ids: number[][] };
  positions: { from: number; to: number; values: number[] }[];
};

const TOLERANCE = 2e-5;
const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** Features and the gradients of their product with the hashed cotangent, for the parameters and `extra`. */
function differentiate(
  params: TensorMap,
  names: string[],
  encode: (params: TensorMap, extra: tf.Tensor[]) => tf.Tensor,
  extra: tf.Tensor[] = [],
): { features: tf.Tensor; grads: tf.Tensor[] } {
  let features: tf.Tensor | undefined;
  const { value, grads } = tf.valueAndGrads((...inputs: tf.Tensor[]) => {
    const given = { ...params };
    names.forEach((name, i) => {
      given[name] = inputs[i]!;
    });
    const encoded = encode(given, inputs.slice(names.length));
    features = tf.keep(encoded.clone());
    return tf.sum(tf.mul(encoded, tf.tensor(hashed('cotangent', encoded.size), encoded.shape)));
  })([...names.map((name) => params[name]!), ...extra]);
  value.dispose();
  return { features: features!, grads };
}

async function expectGradients(
  config: ClipConfig,
  params: TensorMap,
  names: string[],
  grads: tf.Tensor[],
  wanted: Gradients,
  tolerance: number,
): Promise<void> {
  const byName: TensorMap = { ...params };
  names.forEach((name, i) => {
    byName[name] = grads[i]!;
  });
  const files = await toFile(config, byName);
  const largest = Math.max(...Object.values(wanted).map(([size]) => size));
  for (const name of names) {
    const [size, product] = wanted[name]!;
    const data = files[name]!.data as Float32Array;
    // A gradient that is exactly 0 (a key's bias) is float64's rounding there.
    const scale = Math.max(size, 1e-3 * largest);
    const direction = hashed(`direction ${name}`, data.length);
    const along = data.reduce((sum, v, i) => sum + v * direction[i]!, 0);
    expect(Math.abs(norm(data) - size) / scale, `norm of ${name}'s gradient`).toBeLessThan(tolerance);
    expect(Math.abs(along - product) / scale, `direction of ${name}'s gradient`).toBeLessThan(tolerance);
  }
}

onEveryBackend((backend) => {
  // Plain JavaScript would take half a minute for the larger ones.
  const small = (name: string) => backend !== 'cpu' || name === 'resnet-no-stem-pool' || name === 'vit';
  const visual = Object.entries(reference.visual).filter(([name]) => small(name));
  describe.each(visual)('visual encoder %s', (_, wanted) => {
    const { config } = wanted;
    const size = config.visual.imageSize;
    const images = () => tf.tensor4d(hashed('images', 3 * size * size * 3), [3, size, size, 3]);

    const modes = (['eval', 'train'] as const).filter((mode) => wanted[mode]);
    it.each(modes)('has the features and gradients of PyTorch, %s mode', async (mode) => {
      const params = hashedParams(config);
      const names = Object.keys(params).filter((name) => name.startsWith('visual.') && isTrainable(name));
      const training = mode === 'train';
      const encode = (p: TensorMap, [x]: tf.Tensor[]) =>
        encodeImage(config, p, x as tf.Tensor4D, { training }).features;
      const x = images();
      const { features, grads } = differentiate(params, names, encode, [x]);
      expectNear(features, wanted[mode]!.features, training ? 2e-4 : TOLERANCE);
      const tolerance = training ? 2e-3 : 2e-4;
      await expectGradients(config, params, names, grads.slice(0, -1), wanted[mode]!.gradients, tolerance);
      const [imageNorm, product] = wanted[mode]!.gradients.images!;
      const image = grads.at(-1)!.dataSync() as Float32Array;
      expect(Math.abs(norm(image) - imageNorm) / imageNorm).toBeLessThan(tolerance);
      const direction = tf.tensor4d(hashed('direction images', x.size), [3, 3, size, size]).transpose([0, 2, 3, 1]);
      const along = tf.sum(tf.mul(direction, grads.at(-1)!)).dataSync()[0]!;
      expect(Math.abs(along - product) / imageNorm).toBeLessThan(tolerance);
      tf.dispose([params, features, grads, x, direction]);
    });

    it.runIf(wanted.batchStats)('moves the running statistics as PyTorch does', () => {
      const params = hashedParams(config);
      const x = images();
      const { features, batchStats } = encodeImage(config, params, x, { training: true });
      const buffers = Object.keys(params).filter((name) => !isTrainable(name));
      expect(Object.keys(batchStats!).sort()).toEqual(buffers.sort());
      for (const [name, values] of Object.entries(wanted.batchStats!)) {
        expect(relativeError(batchStats![name]!.dataSync(), values), name).toBeLessThan(1e-5);
      }
      tf.dispose([params, batchStats!, features, x]);
    });

    it('reads nothing and leaks nothing in a training step', () => {
      const params = hashedParams(config);
      const names = Object.keys(params).filter((name) => name.startsWith('visual.') && isTrainable(name));
      const x = images();
      const step = () => {
        const { features, grads } = differentiate(params, names, (p) => {
          const { features, batchStats } = encodeImage(config, p, x, { training: true });
          tf.dispose(batchStats ?? {});
          return features;
        });
        tf.dispose([features, grads]);
      };
      expectNoLeak(step);
      if (backend === 'tensorflow') expectNoReading(step);
      tf.dispose([params, x]);
    });
  });

  describe('text encoder', () => {
    const { config, ids } = reference.text;
    const idTensor = () => tf.tensor2d(ids, undefined, 'int32');

    it('has the features and gradients of PyTorch', async () => {
      const params = hashedParams(config);
      const names = Object.keys(params).filter((name) => !name.startsWith('visual.') && name !== 'logit_scale');
      const input = idTensor();
      const { features, grads } = differentiate(params, names, (p) => encodeText(config, p, input));
      expectNear(features, reference.text.features, TOLERANCE);
      await expectGradients(config, params, names, grads, reference.text.gradients, 2e-4);
      tf.dispose([params, features, grads, input]);
    });

    it('reads nothing and leaks nothing in a training step', () => {
      const params = hashedParams(config);
      const names = Object.keys(params).filter((name) => !name.startsWith('visual.') && name !== 'logit_scale');
      const input = idTensor();
      const step = () => {
        const { features, grads } = differentiate(params, names, (p) => encodeText(config, p, input));
        tf.dispose([features, grads]);
      };
      expectNoLeak(step);
      if (backend === 'tensorflow') expectNoReading(step);
      tf.dispose([params, input]);
    });
  });

  it.each(reference.positions)('interpolates positions from $from to $to as PyTorch does', ({ from, to, values }) => {
    const rows = from * from + 1;
    tf.tidy(() => {
      const positions = tf.tensor2d(hashed('positions', rows * 3), [rows, 3]);
      expectNear(interpolatePositions(positions, to), values, 1e-6);
    });
  });
});
