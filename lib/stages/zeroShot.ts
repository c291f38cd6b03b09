import type { ClipConfig } from '../clip/config.js';
import type { ImageSource } from '../data/types.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { argMaxRows } from './accuracy.js';
import { imageFeatures, sentenceFeatures } from './features.js';
import type { TextBank } from './textBank.js';

/** Rows [N, D] divided by their norm (clamped at 1e-12), in place. */
export function normalizeRows(values: Float32Array, dim: number): Float32Array {
  for (let from = 0; from < values.length; from += dim) {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += values[from + j]! ** 2;
    const scale = 1 / Math.max(Math.sqrt(sum), 1e-12);
    for (let j = 0; j < dim; j++) values[from + j]! *= scale;
  }
  return values;
}

/** Class means of unit sentence embeddings, normalised again: CLIP's zero-shot classifier ("ensemble"), [C, D]. */
export function classMeans(sentences: Float32Array, bank: TextBank, dim: number): Float32Array {
  const means = new Float32Array(bank.classes * dim);
  for (let row = 0; row < bank.length; row++) {
    const to = bank.labels[row]! * dim;
    for (let j = 0; j < dim; j++) means[to + j]! += sentences[row * dim + j]!;
  }
  return normalizeRows(means, dim);
}

/** a [n, D] · bᵀ [D, m] as values, row-major [n, m]. */
export function similarity(a: Float32Array, b: Float32Array, dim: number): Float32Array {
  return tf.tidy(
    () =>
      tf
        .matMul(tf.tensor2d(a, [a.length / dim, dim]), tf.tensor2d(b, [b.length / dim, dim]), false, true)
        .dataSync() as Float32Array,
  );
}

/** Similarities held at a time: bounds the memory whatever the number of pictures and sentences. */
const TILE_ELEMENTS = 2 ** 22;

/** Calls `use` with the similarities of every row of a [n, D] to all rows of b [m, D]. */
function eachRow(
  a: Float32Array,
  b: Float32Array,
  dim: number,
  use: (row: number, scores: Float32Array) => void,
): void {
  const [n, m] = [a.length / dim, b.length / dim];
  const tile = Math.max(1, Math.floor(TILE_ELEMENTS / m));
  for (let from = 0; from < n; from += tile) {
    const scores = similarity(a.subarray(from * dim, Math.min(n, from + tile) * dim), b, dim);
    for (let k = 0; k < scores.length / m; k++) use(from + k, scores.subarray(k * m, (k + 1) * m));
  }
}

/** Nearest class mean of unit image features [N, D]. */
const nearestMean = (image: Float32Array, sentences: Float32Array, bank: TextBank, dim: number): Int32Array =>
  argMaxRows(similarity(image, classMeans(sentences, bank, dim), dim), bank.classes);

/**
 * CLIP's zero-shot classification: the class whose text mean is nearest to each picture, [images.length]. One product
 * of pictures and classes; `classifyByText` compares with every sentence, too.
 */
export async function zeroShot(
  { config, params }: { config: ClipConfig; params: TensorMap },
  bank: TextBank,
  images: ImageSource,
): Promise<Int32Array> {
  const dim = config.embedDim;
  const image = normalizeRows(await imageFeatures(config, params, images), dim);
  return nearestMean(image, unitSentences(config, params, bank), bank, dim);
}

/** Predictions of stage 1's own evaluations (METHOD.md, stage 1): class of each picture. */
export interface Stage1Predictions {
  /** Nearest class mean of the texts ("ensemble", CLIP's zero-shot). */
  classMean: Int32Array;
  /** Class of the nearest single sentence. */
  nearestSentence: Int32Array;
  /** Majority of the five nearest sentences, ties to the nearer. */
  fiveNearest: Int32Array;
}

/** Unit features of every sentence of the bank, [bank.length, D]. */
export const unitSentences = (config: ClipConfig, params: TensorMap, bank: TextBank): Float32Array =>
  normalizeRows(sentenceFeatures(config, params, bank), config.embedDim);

/**
 * Classifies image features by the class texts alone.
 * @param image unit rows [N, D]
 * @param sentences the model's `unitSentences`, where they are at hand
 */
export function classifyByText(
  config: ClipConfig,
  params: TensorMap,
  bank: TextBank,
  image: Float32Array,
  sentences = unitSentences(config, params, bank),
): Stage1Predictions {
  const dim = config.embedDim;
  const classMean = nearestMean(image, sentences, bank, dim);
  const n = image.length / dim;
  const nearestSentence = new Int32Array(n);
  const fiveNearest = new Int32Array(n);
  eachRow(image, sentences, dim, (i, scores) => {
    const rows = nearest(scores, 5);
    nearestSentence[i] = bank.labels[rows[0]!]!;
    fiveNearest[i] = vote(rows, bank.labels);
  });
  return { classMean, nearestSentence, fiveNearest };
}

/** Text → image: share in percent of the sentences whose most similar picture is of their class. */
export function textToImageAccuracy(
  config: ClipConfig,
  params: TensorMap,
  bank: TextBank,
  image: Float32Array,
  labels: ArrayLike<number>,
  sentences = unitSentences(config, params, bank),
): number {
  const dim = config.embedDim;
  let right = 0;
  eachRow(sentences, image, dim, (row, scores) => {
    if (labels[nearest(scores, 1)[0]!] === bank.labels[row]) right++;
  });
  return (100 * right) / bank.length;
}

/** Indices of the k largest entries, largest first. */
function nearest(scores: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let j = 0; j < scores.length; j++) {
    if (best.length === k && scores[j]! <= scores[best[k - 1]!]!) continue;
    let at = best.length;
    while (at > 0 && scores[best[at - 1]!]! < scores[j]!) at--;
    best.splice(at, 0, j);
    if (best.length > k) best.pop();
  }
  return best;
}

function vote(rows: number[], labels: Int32Array): number {
  const votes = new Map<number, number>();
  for (const row of rows) votes.set(labels[row]!, (votes.get(labels[row]!) ?? 0) + 1);
  // A Map keeps the order of first appearance, so the nearer class wins a tie.
  return [...votes].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}
