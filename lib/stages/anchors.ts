import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { ImageSource, LongTailData } from '../data/types.js';
import { VlltrError } from '../errors.js';
import { random, shuffled } from '../random.js';
import { tf } from '../runtime/tf.js';
import { imageFeatures, sentenceFeatures, TRAINING_PICTURES } from './features.js';
import type { Anchors } from './head.js';
import type { AnchorOptions } from './options.js';
import { selectAnchors } from './selectAnchors.js';
import type { TextBank } from './textBank.js';
import { normalizeRows } from './zeroShot.js';

/**
 * Anchor sentence selection (AnSS; paper, section 3.3) over at most `imagesPerClass` clean pictures a class, or one of
 * its ablations: `random` sentences, or `cut-off`, the first M. The chosen sentences' embeddings are not normalised.
 */
export async function buildAnchors(
  data: LongTailData,
  bank: TextBank,
  model: Pick<LoadedClip, 'config' | 'params'>,
  options: AnchorOptions,
  seed: number,
): Promise<Anchors & { losses: Float32Array | null; selected: number[][] }> {
  const { config, params } = model;
  const dim = config.embedDim;
  const embeddings = sentenceFeatures(config, params, bank);
  let losses: Float32Array | null = null;
  let selected: number[][];
  if (options.choice === 'anss') {
    const source = options.split === 'train' ? data.train : data.val;
    if (!source)
      throw new VlltrError('ERR_DATA', `anchors cannot be scored on the ${options.split} split: ${data.name} has none`);
    const indices = drawnFromEachClass(source, options.imagesPerClass, seed);
    const views = options.split === 'train' ? TRAINING_PICTURES : 'clean';
    const image = normalizeRows(await imageFeatures(config, params, source, indices, views), dim);
    const tensors = {
      text: tf.tensor2d(normalizeRows(embeddings.slice(), dim), [bank.length, dim]),
      image: tf.tensor2d(image, [indices.length, dim]),
    };
    ({ losses, selected } = selectAnchors({
      ...tensors,
      counts: bank.counts(),
      labels: Int32Array.from(indices, (i) => source.labels[i]!),
      logitScale: (await params.logit_scale!.data())[0]!,
      anchors: options.anchors,
    }));
    tf.dispose(tensors);
  } else {
    selected = bank.counts().map((n, c) => {
      const all = Array.from({ length: n }, (_, m) => m);
      return (options.choice === 'random' ? drawn(all, seed, c) : all).slice(0, options.anchors);
    });
  }
  return { ...gather(bank, embeddings, dim, selected, options.anchors), losses, selected };
}

/** At most `limit` pictures of each class, drawn by the seed, in class order. */
function drawnFromEachClass(source: ImageSource, limit: number, seed: number): Int32Array {
  const byClass = new Map<number, number[]>();
  source.labels.forEach((y, i) => {
    const list = byClass.get(y);
    if (list) list.push(i);
    else byClass.set(y, [i]);
  });
  const chosen = [...byClass].sort(([a], [b]) => a - b).flatMap(([y, list]) => drawn(list, seed, y).slice(0, limit));
  return Int32Array.from(chosen);
}

/** A class's entries in an order drawn by the seed. */
const drawn = (list: readonly number[], seed: number, label: number): number[] =>
  shuffled(list, random(seed, 'anchors', label));

function gather(bank: TextBank, embeddings: Float32Array, dim: number, selected: number[][], m: number): Anchors {
  const out = new Float32Array(bank.classes * m * dim);
  selected.forEach((rows, c) => {
    rows.forEach((row, k) => {
      const from = (bank.offsets[c]! + row) * dim;
      out.set(embeddings.subarray(from, from + dim), (c * m + k) * dim);
    });
  });
  return {
    embeddings: tf.tensor3d(out, [bank.classes, m, dim]),
    counts: selected.map((rows) => rows.length),
    sentences: selected.map((rows, c) => rows.map((row) => bank.sentences[c]![row]!)),
  };
}
