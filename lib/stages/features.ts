import type { ClipConfig } from '../clip/config.js';
import { encodeImage, encodeText } from '../clip/model.js';
import type { ImageSource } from '../data/types.js';
import { type CapturedStep, canCapture, capture } from '../runtime/capture/index.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { evalView } from '../training/cleanView.js';
import type { TextBank } from './textBank.js';

const BATCH = 256;

/** Consecutive ranges [from, to) that cover 0 … length. */
function* ranges(length: number): Generator<[number, number]> {
  for (let from = 0; from < length; from += BATCH) yield [from, Math.min(length, from + BATCH)];
}

type Forward = (params: TensorMap, inputs: { x: tf.Tensor }) => tf.Tensor;

/** Captured forward passes, one for each kind and configuration: the parameters are given, so models share them. */
const captured = new Map<string, CapturedStep<TensorMap, { x: tf.Tensor }, { y: tf.Tensor }>>();

/**
 * A forward pass over `length` rows, and the size of its batches. Where there are more rows than one batch it is
 * captured, and the last batch is filled up to the same shape; this follows from the length alone, so that the same work
 * gives the same bits.
 */
function forward(kind: string, config: ClipConfig, params: TensorMap, length: number, plain: Forward) {
  if (length <= BATCH || !canCapture()) {
    return { filled: (rows: number) => rows, run: (x: tf.Tensor) => tf.tidy(() => plain(params, { x })) };
  }
  const key = `${kind} ${JSON.stringify(config)}`;
  let step = captured.get(key);
  if (!step) {
    const warn = (error: Error): void => console.warn(`${kind} features are computed op by op: ${error.message}`);
    step = capture((now, inputs) => ({ state: now, outputs: { y: plain(now, inputs) } }), {
      name: kind,
      onFailure: warn,
    });
    captured.set(key, step);
  }
  const run = step;
  return { filled: () => BATCH, run: (x: tf.Tensor) => tf.tidy(() => run(params, { x }).outputs.y) };
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
  const dim = config.embedDim;
  const out = new Float32Array(indices.length * dim);
  const size = config.visual.imageSize;
  const visual = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('visual.')));
  const { filled, run } = forward('image', config, visual, indices.length, (given, { x }) => {
    return encodeImage(config, given, x as tf.Tensor4D).features;
  });
  for (const [from, to] of ranges(indices.length)) {
    const chosen = Array.prototype.slice.call(indices, from, to) as number[];
    const rows = filled(chosen.length);
    let view = evalView(await images.read(chosen), images.size, size);
    if (rows > chosen.length) {
      const seen = view;
      view = new Float32Array(rows * size * size * 3);
      view.set(seen);
    }
    const x = tf.tensor4d(view, [rows, size, size, 3]);
    const features = run(x);
    out.set(((await features.data()) as Float32Array).subarray(0, chosen.length * dim), from * dim);
    tf.dispose([x, features]);
  }
  return out;
}

/** Features of every sentence of the bank, row-major [bank.length, D], not normalised. */
export function sentenceFeatures(config: ClipConfig, params: TensorMap, bank: TextBank): Float32Array {
  const dim = config.embedDim;
  const out = new Float32Array(bank.length * dim);
  const textual = Object.fromEntries(Object.entries(params).filter(([name]) => !name.startsWith('visual.')));
  const { filled, run } = forward('text', config, textual, bank.length, (given, { x }) =>
    encodeText(config, given, x as tf.Tensor2D),
  );
  const sorted = bank.byLength(); // sentences of one length together: little padding, few shapes
  for (const [from, to] of ranges(bank.length)) {
    const rows = Array.from(sorted.subarray(from, to));
    while (rows.length < filled(rows.length)) rows.push(rows.at(-1)!);
    const ids = bank.batch(rows);
    const features = run(ids);
    const values = features.dataSync() as Float32Array;
    for (let i = from; i < to; i++) {
      out.set(values.subarray((i - from) * dim, (i - from + 1) * dim), sorted[i]! * dim);
    }
    tf.dispose([ids, features]);
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
