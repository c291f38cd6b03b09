import type { ClipConfig } from '../clip/config.js';
import { encodeImage, encodeText } from '../clip/model.js';
import type { ImageSource } from '../data/types.js';
import { findUnreadable, UnreadablePictures } from '../data/unreadablePictures.js';
import { VlltrError } from '../errors.js';
import { type CapturedStep, canCapture } from '../runtime/capture/index.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type View, viewsEach } from '../training/views.js';
import { capturedPass } from './capturedPass.js';
import { viewsOf } from './run.js';
import type { TextBank } from './textBank.js';

const BATCH = 256;

/** Consecutive ranges [from, to) that cover 0 … length. */
function* ranges(length: number): Generator<[number, number]> {
  for (let from = 0; from < length; from += BATCH) yield [from, Math.min(length, from + BATCH)];
}

/**
 * Whether a pass over so many rows is captured, its last batch filled up to the shape of the others: by the number alone,
 * so that the same work gives the same bits.
 */
const isCaptured = (rows: number): boolean => rows > BATCH && canCapture();

/** The values and as many zeros as make `length` of them. */
function filled(values: Float32Array, length: number): Float32Array {
  if (values.length === length) return values;
  const whole = new Float32Array(length);
  whole.set(values);
  return whole;
}

type Encode = (params: TensorMap, inputs: { x: tf.Tensor }) => { y: tf.Tensor };

/** Captured encoders, one for each kind and configuration: the parameters are given, so models share them. */
const encoders = new Map<string, CapturedStep<TensorMap, { x: tf.Tensor }, { y: tf.Tensor }>>();

/** An encoder as one function of its parameters and a batch. */
function capturedEncoder(name: string, config: ClipConfig, encode: Encode): Encode {
  const key = `${name} ${JSON.stringify(config)}`;
  let step = encoders.get(key);
  if (!step) {
    step = capturedPass(name, encode);
    encoders.set(key, step);
  }
  const found = step;
  return (params, inputs) => found(params, inputs).outputs;
}

/** Which views of pictures features are made of: one clean one each (default), or five crops. */
export type CleanViews = 'clean' | 'five';

/** One clean view of training pictures, another of its class for one that cannot be read, as in training. */
export const TRAINING_PICTURES: View = { kind: 'clean', standIn: true };

/**
 * Image features of the named pictures, deterministic views each, encoder in eval mode. The next pictures are decoded while
 * those before are encoded.
 * @returns row-major [indices.length, D], with five crops [indices.length, 5, D]; not normalised
 * @throws UnreadablePictures (ERR_DATA) naming all that cannot be read and are not replaced
 */
export async function imageFeatures(
  config: ClipConfig,
  params: TensorMap,
  images: ImageSource,
  indices: ArrayLike<number> = Int32Array.from({ length: images.length }, (_, i) => i),
  views: CleanViews | View = 'clean',
): Promise<Float32Array> {
  const dim = config.embedDim;
  const view: View = typeof views === 'string' ? { kind: views } : views;
  const each = viewsEach(view);
  const all = indices.length * each;
  const out = new Float32Array(all * dim);
  const size = config.visual.imageSize;
  const visual = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('visual.')));
  const plain: Encode = (given, { x }) => ({ y: encodeImage(config, given, x as tf.Tensor4D).features });
  const whole = isCaptured(all);
  const encode = whole ? capturedEncoder('image features', config, plain) : plain;
  const pictures = Math.floor(BATCH / each);
  const load = (from: number): Promise<Float32Array> | undefined => {
    if (from >= indices.length) return undefined;
    const chosen = Array.prototype.slice.call(indices, from, from + pictures) as number[];
    const loaded = viewsOf(images, chosen, size, view).then(({ values }) => values);
    loaded.catch(() => {}); // Reported where it is awaited.
    return loaded;
  };
  /** One that cannot be read is told with all others: whoever mends them need not come back for each. */
  const told = async (error: unknown): Promise<never> => {
    const replaced = view.kind === 'clean' && view.standIn && images.unreadable !== undefined;
    if (replaced || !(error instanceof VlltrError) || error.code !== 'ERR_DATA') throw error;
    const reasons = await findUnreadable(images, indices, size, view);
    throw reasons.size > 0 ? new UnreadablePictures(reasons, indices.length) : error;
  };
  let next = load(0);
  for (let from = 0; next; from += pictures) {
    const values = await next.catch(told);
    next = load(from + pictures);
    const count = values.length / (size * size * 3);
    const rows = whole ? pictures * each : count;
    const x = tf.tensor4d(filled(values, rows * size * size * 3), [rows, size, size, 3]);
    const { y } = tf.tidy(() => encode(visual, { x }));
    out.set(((await y.data()) as Float32Array).subarray(0, count * dim), from * each * dim);
    tf.dispose([x, y]);
  }
  return out;
}

/** Sentences that are encoded together: those of one length, so that there is little padding and there are few shapes. */
export const SENTENCES = BATCH;

/**
 * Features of the bank's sentences, not normalised, `SENTENCES` at a time in the order of their length.
 * @param first number of the batch to begin with
 * @returns rows of the bank, and their features row-major [rows.length, D]
 */
export function* encodedSentences(
  config: ClipConfig,
  params: TensorMap,
  bank: TextBank,
  first = 0,
): Generator<{ rows: Int32Array; values: Float32Array }> {
  const textual = textParameters(params);
  const plain: Encode = (given, { x }) => ({ y: encodeText(config, given, x as tf.Tensor2D) });
  const whole = isCaptured(bank.length);
  const encode = whole ? capturedEncoder('text features', config, plain) : plain;
  const sorted = bank.byLength();
  for (let from = first * BATCH; from < bank.length; from += BATCH) {
    const rows = sorted.subarray(from, from + BATCH);
    const filledUp = Array.from(rows);
    while (whole && filledUp.length < BATCH) filledUp.push(rows.at(-1)!);
    const x = bank.batch(filledUp);
    const { y } = tf.tidy(() => encode(textual, { x }));
    const values = (y.dataSync() as Float32Array).subarray(0, rows.length * config.embedDim);
    tf.dispose([x, y]);
    yield { rows, values };
  }
}

/** What of a CLIP model encodes text. */
export const textParameters = (params: TensorMap): TensorMap =>
  Object.fromEntries(Object.entries(params).filter(([name]) => !name.startsWith('visual.')));

/** Features of every sentence of the bank, row-major [bank.length, D], not normalised. */
export function sentenceFeatures(config: ClipConfig, params: TensorMap, bank: TextBank): Float32Array {
  const dim = config.embedDim;
  const out = new Float32Array(bank.length * dim);
  for (const { rows, values } of encodedSentences(config, params, bank))
    for (let i = 0; i < rows.length; i++) out.set(values.subarray(i * dim, (i + 1) * dim), rows[i]! * dim);
  return out;
}

/** The mean over the views of each picture: [n·each, C] → [n, C]. */
export function meanOfViews(z: tf.Tensor2D, each: number): tf.Tensor2D {
  return each === 1 ? z : tf.mean(tf.reshape(z, [-1, each, z.shape[1]]), 1);
}

/** Named scores of rows, in batches; what is made once for them serves every call. */
export interface RowScores<K extends string> {
  /** Of x [N·each, dim], N rows of each. */
  over(x: Float32Array): Record<K, Float32Array>;
  dispose(): void;
}

/**
 * Scores of rows by `f`, in batches, each of its named outputs concatenated. Over more than one batch it is captured, once.
 * @param f pure; what it uses beside the rows stays the same until it is disposed
 * @param each rows that belong together: `f` gets whole groups and gives a row for each. Default 1
 */
export function rowScores<K extends string>(
  dim: number,
  f: (rows: tf.Tensor2D) => Record<K, tf.Tensor>,
  each = 1,
): RowScores<K> {
  const width = dim * each;
  const step = capturedPass('class scores', (_: object, { rows }: { rows: tf.Tensor }) => f(rows as tf.Tensor2D));
  return {
    over(x) {
      const n = x.length / width;
      const out = {} as Record<K, Float32Array>;
      const whole = isCaptured(n);
      for (const [from, to] of ranges(n)) {
        const count = whole ? BATCH : to - from;
        const parts = tf.tidy(() => {
          const values = filled(x.subarray(from * width, to * width), count * width);
          const rows = tf.tensor2d(values, [count * each, dim]);
          return whole ? step({}, { rows }).outputs : f(rows);
        });
        for (const key of Object.keys(parts) as K[]) {
          const values = parts[key].dataSync() as Float32Array;
          const columns = values.length / count;
          out[key] ??= new Float32Array(n * columns);
          out[key].set(values.subarray(0, (to - from) * columns), from * columns);
          parts[key].dispose();
        }
      }
      return out;
    },
    dispose: () => step.dispose(),
  };
}

/** What is made for one call alone, and freed after it. */
export function once<S extends { dispose(): void }, T>(made: S, use: (made: S) => T): T {
  try {
    return use(made);
  } finally {
    made.dispose();
  }
}

/** Scores of the rows of one x [N·each, dim]: see `rowScores`. */
export const overRows = <K extends string>(
  x: Float32Array,
  dim: number,
  f: (rows: tf.Tensor2D) => Record<K, tf.Tensor>,
  each = 1,
): Record<K, Float32Array> => once(rowScores(dim, f, each), (scores) => scores.over(x));
