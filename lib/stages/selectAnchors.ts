import { VlltrError } from '../errors.js';
import { Arguments, type Integers } from '../ops/arguments.js';
import { product } from '../ops/product.js';
import { tf } from '../runtime/tf.js';
import { capturedPass } from './capturedPass.js';

export interface SelectAnchorsArguments {
  /** Sentence features, unit rows, float32 [Σ counts, D], grouped by class. */
  text: tf.Tensor2D;
  /** Sentences of each class, int32 [C]. */
  counts: Integers;
  /** Image features, unit rows, float32 [N, D]. */
  image: tf.Tensor2D;
  /** Class of each image, int32 [N], each in [0, C). */
  labels: Integers;
  /** ln(1/τ) of the model that made the features. */
  logitScale: number | tf.Scalar;
  /** How many sentences a class keeps at most, M. */
  anchors: number;
}

export interface SelectedAnchors {
  /** Loss of each sentence, [Σ counts]. */
  losses: Float32Array;
  /** Within-class indices of each class's best min(M, count) sentences, by ascending loss, ties by index. */
  selected: number[][];
}

/** Similarities held at a time: bounds the memory whatever the number of sentences. */
const TILE_ELEMENTS = 2 ** 22;

/**
 * Anchor sentence selection (AnSS; Tian et al., ECCV 2022, section 3.3). The loss of sentence s of class c is the mean,
 * over the images of class c, of −log softmax over all images of exp(logitScale)·⟨t_s, v_i⟩.
 *
 * A class with no image falls back to its zero-shot order: the loss of its sentence s is −exp(logitScale)·⟨t_s, m⟩ with
 * m the unit mean of the class's own sentences. Sentences with the same features have the same loss, bit for bit.
 * Reads the tensors' values, so it is not for use inside a training step. Throws `ERR_ARGUMENT`.
 */
export function selectAnchors(args: SelectAnchorsArguments): SelectedAnchors {
  const argument = new Arguments('selectAnchors');
  argument.object(args);
  const { text, image, anchors } = args;
  argument.integers('counts', args.counts, 'C', 0);
  argument.tensor('text', text, ['S', 'D']);
  argument.tensor('image', image, ['N', 'D']);
  argument.integers('labels', args.labels, 'N', 0, argument.size('C') - 1);
  argument.scalar('logitScale', args.logitScale);
  argument.integer('anchors', anchors, 1);

  const counts = toHost(args.counts);
  const labels = toHost(args.labels);
  checkValues(counts, labels, text.shape[0]);
  const scale = Math.exp(typeof args.logitScale === 'number' ? args.logitScale : args.logitScale.dataSync()[0]!);
  return scoreSentences(text, image, Array.from(counts), labels, scale, anchors);
}

function toHost(values: Integers): ArrayLike<number> {
  return values instanceof tf.Tensor ? values.dataSync<'int32'>() : values;
}

function checkValues(counts: ArrayLike<number>, labels: ArrayLike<number>, sentences: number): void {
  let total = 0;
  for (let c = 0; c < counts.length; c++) {
    if (counts[c]! < 0) fail(`counts[${c}] is ${counts[c]}; expected at least 0`);
    total += counts[c]!;
  }
  if (total !== sentences) fail(`counts add up to ${total}; expected ${sentences}, the rows of text`);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! < 0 || labels[i]! >= counts.length)
      fail(`labels[${i}] is ${labels[i]}; expected a class in [0, ${counts.length - 1}]`);
  }
}

function fail(message: string): never {
  throw new VlltrError('ERR_ARGUMENT', `selectAnchors: ${message}`);
}

function scoreSentences(
  text: tf.Tensor2D,
  image: tf.Tensor2D,
  counts: number[],
  labels: ArrayLike<number>,
  scale: number,
  anchors: number,
): SelectedAnchors {
  const dim = text.shape[1];
  const imagesOf = counts.map((): number[] => []);
  for (let i = 0; i < labels.length; i++) imagesOf[labels[i]!]!.push(i);
  const losses = imageLosses(text, image, counts, imagesOf, scale);
  const selected: number[][] = [];
  let first = 0;
  counts.forEach((count, c) => {
    const rows = readRows(text, first, count);
    const own = losses.subarray(first, first + count);
    if (imagesOf[c]!.length === 0) own.set(zeroShotLosses(rows, dim, scale));
    // The same sentence twice could differ by a rounding, by its place in the tile: take the first one's loss.
    firstEqualRow(rows, dim, count).forEach((twin, s) => {
      own[s] = own[twin]!;
    });
    selected.push(bestFirst(own).slice(0, anchors));
    first += count;
  });
  return { losses, selected };
}

function readRows(matrix: tf.Tensor2D, start: number, count: number): Float32Array {
  if (count === 0) return new Float32Array(0);
  return tf.tidy(() => tf.slice(matrix, [start, 0], [count, -1]).dataSync<'float32'>()) as Float32Array;
}

/**
 * −mean of log softmax over all images, at those of the sentence's class, of every sentence [S]; of no meaning where the
 * class has none. Sentences go in tiles of one size whatever their class, the last tile overlapping the one before.
 */
function imageLosses(
  text: tf.Tensor2D,
  image: tf.Tensor2D,
  counts: readonly number[],
  imagesOf: readonly (readonly number[])[],
  scale: number,
): Float32Array {
  const [sentences, images] = [text.shape[0], image.shape[0]];
  const out = new Float32Array(sentences);
  if (images === 0) return out;
  const tile = Math.max(1, Math.min(sentences, Math.floor(TILE_ELEMENTS / images)));
  const classOf = counts.flatMap((count, c) => new Array<number>(count).fill(c));
  const constant = { images: tf.transpose(image), scale: tf.scalar(scale) };
  const captured = capturedPass('selectAnchors', tileLosses);
  // Made here: comparing classes by broadcast costs wasm ten times the rest. The array serves all tiles.
  const share = new Float32Array(tile * images);
  const setShare = (classes: readonly number[], value: (images: number) => number): void =>
    classes.forEach((c, s) => {
      for (const i of imagesOf[c]!) share[s * images + i] = value(imagesOf[c]!.length);
    });
  try {
    for (let first = 0; first < sentences; first += tile) {
      const from = Math.min(first, sentences - tile);
      const classes = classOf.slice(from, from + tile);
      setShare(classes, (count) => 1 / count);
      const losses = tf.tidy(() => {
        const rows = tf.slice(text, [from, 0], [tile, -1]);
        const inputs = { rows, share: tf.tensor2d(share, [tile, images]) };
        const { loss } = tile < sentences ? captured(constant, inputs).outputs : tileLosses(constant, inputs);
        return loss.dataSync<'float32'>();
      });
      setShare(classes, () => 0);
      out.set(losses, from);
    }
  } finally {
    captured.dispose();
    tf.dispose(constant);
  }
  return out;
}

/**
 * The losses of one tile, [R].
 * @param constant images [D, N]; exp(logitScale)
 * @param inputs sentences [R, D]; the share of each image in each one's mean [R, N]
 */
function tileLosses(
  constant: { images: tf.Tensor; scale: tf.Tensor },
  inputs: { rows: tf.Tensor; share: tf.Tensor },
): { loss: tf.Tensor } {
  const scaled = tf.mul(inputs.rows, constant.scale) as tf.Tensor2D;
  const similarity = product(scaled, constant.images as tf.Tensor2D);
  const shifted = tf.sub(similarity, tf.max(similarity, 1, true));
  const logSum = tf.log(tf.sum(tf.exp(shifted), 1));
  return { loss: tf.sub(logSum, tf.sum(tf.mul(shifted, inputs.share), 1)) };
}

/** −scale·⟨t_s, m⟩ with m the unit mean of the rows. */
function zeroShotLosses(rows: Float32Array, dim: number, scale: number): Float32Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) mean[i % dim]! += rows[i]!;
  const length = Math.max(Math.hypot(...mean), 1e-12);
  const losses = new Float32Array(rows.length / dim);
  for (let s = 0; s < losses.length; s++) {
    let dot = 0;
    for (let d = 0; d < dim; d++) dot += rows[s * dim + d]! * mean[d]!;
    losses[s] = (-scale * dot) / length;
  }
  return losses;
}

/** For each row, the first row with the same bits. */
function firstEqualRow(rows: Float32Array, dim: number, count: number): number[] {
  const bits = new Int32Array(rows.buffer, rows.byteOffset, rows.length);
  const byHash = new Map<number, number[]>();
  return Array.from({ length: count }, (_, s) => {
    const row = bits.subarray(s * dim, (s + 1) * dim);
    const hash = row.reduce((h, v) => Math.imul(h ^ v, 0x01000193), 0x811c9dc5 | 0);
    const candidates = byHash.get(hash) ?? [];
    byHash.set(hash, candidates);
    const twin = candidates.find((i) => row.every((v, d) => v === bits[i * dim + d]));
    if (twin === undefined) candidates.push(s);
    return twin ?? s;
  });
}

/** Indices by ascending value, ties by index. */
function bestFirst(values: Float32Array): number[] {
  return Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);
}
