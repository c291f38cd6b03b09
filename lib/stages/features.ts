import type { ClipConfig } from '../clip/config.js';
import { encodeImage, encodeText } from '../clip/model.js';
import type { ImageSource } from '../data/types.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { evalView } from '../training/augment.js';
import type { TextBank } from './textBank.js';

const BATCH = 256;

/** Consecutive ranges [from, to) that cover 0 … length. */
function* ranges(length: number): Generator<[number, number]> {
  for (let from = 0; from < length; from += BATCH) yield [from, Math.min(length, from + BATCH)];
}

/**
 * Image features of the named pictures, one clean deterministic view each, encoder in eval mode.
 * @returns row-major [indices.length, D], not normalised
 */
export async function imageFeatures(
  config: ClipConfig,
  params: TensorMap,
  images: ImageSource,
  indices: ArrayLike<number> = Int32Array.from({ length: images.length }, (_, i) => i),
): Promise<Float32Array> {
  const out = new Float32Array(indices.length * config.embedDim);
  const size = config.visual.imageSize;
  for (const [from, to] of ranges(indices.length)) {
    const chosen = Array.prototype.slice.call(indices, from, to) as number[];
    const view = evalView(await images.read(chosen), images.size, size);
    const features = tf.tidy(
      () => encodeImage(config, params, tf.tensor4d(view, [chosen.length, size, size, 3])).features,
    );
    out.set((await features.data()) as Float32Array, from * config.embedDim);
    features.dispose();
  }
  return out;
}

/** Features of every sentence of the bank, row-major [bank.length, D], not normalised. */
export function sentenceFeatures(config: ClipConfig, params: TensorMap, bank: TextBank): Float32Array {
  const out = new Float32Array(bank.length * config.embedDim);
  for (const [from, to] of ranges(bank.length)) {
    const rows = Array.from({ length: to - from }, (_, i) => from + i);
    const values = tf.tidy(() => encodeText(config, params, bank.batch(rows)).dataSync() as Float32Array);
    out.set(values, from * config.embedDim);
  }
  return out;
}

/** Runs `f` over rows of x [N, dim] in batches and concatenates each of its named outputs. */
export function overRows<K extends string>(
  x: Float32Array,
  dim: number,
  f: (rows: tf.Tensor2D) => Record<K, tf.Tensor>,
): Record<K, Float32Array> {
  const n = x.length / dim;
  const out = {} as Record<K, Float32Array>;
  for (const [from, to] of ranges(n)) {
    const parts = tf.tidy(() => f(tf.tensor2d(x.subarray(from * dim, to * dim), [to - from, dim])));
    for (const key of Object.keys(parts) as K[]) {
      const values = parts[key].dataSync() as Float32Array;
      const columns = values.length / (to - from);
      out[key] ??= new Float32Array(n * columns);
      out[key].set(values, from * columns);
      parts[key].dispose();
    }
  }
  return out;
}
