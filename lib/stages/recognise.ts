import type { ClipConfig } from '../clip/config.js';
import type { ImageSource } from '../data/types.js';
import { AnchorTable, anchorAttentionWeights } from '../ops/anchorAttention.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { argMaxRows, topOne } from './accuracy.js';
import { imageFeatures, meanOfViews, once, overRows, type RowScores, rowScores } from './features.js';
import { type Anchors, anchorArguments, baselineLogits, lgrLogits } from './head.js';

/** Softmax of both branches for a set of pictures, row-major [N, C]. */
export interface BranchProbabilities {
  visual: Float32Array;
  text: Float32Array;
}

type Classifier = { config: ClipConfig; params: TensorMap };

/**
 * Both branches' probabilities for features, row-major [N, D], not normalised.
 * @param each views of a picture: features are [N, each, D], and the mean of their logits counts. Default 1
 */
export function lgrScores(
  { config, params, anchors }: Classifier & { anchors: Anchors },
  each = 1,
): RowScores<keyof BranchProbabilities> {
  const table = new AnchorTable(anchors.embeddings, anchors.counts);
  const branches = (rows: tf.Tensor2D) => {
    const z = lgrLogits(params, rows, table, params.logit_scale as tf.Scalar);
    return { visual: tf.softmax(meanOfViews(z.visual, each)), text: tf.softmax(meanOfViews(z.text, each)) };
  };
  const scores = rowScores(config.embedDim, branches, each);
  return {
    over: scores.over,
    dispose() {
      scores.dispose();
      table.dispose();
    },
  };
}

/** The same for the features of one set of pictures. */
export const lgrProbabilities = (model: Classifier & { anchors: Anchors }, x: Float32Array): BranchProbabilities =>
  once(lgrScores(model), (scores) => scores.over(x));

/** The vision-only baseline's predictions: class of each picture. */
export async function baselinePredictions(model: Classifier, images: ImageSource): Promise<Int32Array> {
  const x = await imageFeatures(model.config, model.params, images);
  const { z } = overRows(x, model.config.embedDim, (rows) => ({ z: baselineLogits(model.params, rows) }));
  return argMaxRows(z, z.length / images.length);
}

/** α·softmax(z^I) + (1−α)·softmax(z^T) (METHOD.md, prediction), row-major [N, C]. */
export function mixBranches(branches: BranchProbabilities, alpha: number): Float32Array {
  return branches.visual.map((p, i) => alpha * p + (1 - alpha) * branches.text[i]!);
}

/** The α of {0, 0.05, …, 1} with the highest accuracy on a validation split; ties go to the one nearest to ½. */
export function chooseAlpha(
  branches: BranchProbabilities,
  labels: ArrayLike<number>,
): { alpha: number; accuracy: number } {
  const columns = branches.visual.length / labels.length;
  let best = { alpha: 0.5, accuracy: -1 };
  for (let k = 0; k <= 20; k++) {
    const alpha = k / 20;
    const accuracy = topOne(argMaxRows(mixBranches(branches, alpha), columns), labels);
    const nearer = Math.abs(alpha - 0.5) < Math.abs(best.alpha - 0.5);
    if (accuracy > best.accuracy || (accuracy === best.accuracy && nearer)) best = { alpha, accuracy };
  }
  return best;
}

/** What one anchor sentence adds to the text logit of a class. */
export interface SentenceShare {
  sentence: string;
  /** Attention a_cm of the picture to the sentence; sums to 1 over the class. */
  attention: number;
  /** exp(s)·a_cm·⟨x̂, T_cm⟩/‖G_c‖; sums to z^T_c over the class. */
  share: number;
}

/**
 * The exact parts of z^T_c: G_c is a convex combination of the anchors, so each sentence adds its own share
 * (METHOD.md, "Explanation that comes free").
 * @param x one picture's features [D]
 * @returns the class's sentences, the largest share first
 */
export function explain(
  model: Classifier & { anchors: Anchors },
  x: Float32Array,
  label: number,
): { logit: number; sentences: SentenceShare[] } {
  const { anchors, params } = model;
  const count = anchors.counts[label]!;
  const [attention, share] = tf.tidy(() => {
    const own = { embeddings: anchors.embeddings.slice([label, 0, 0], [1, -1, -1]) as tf.Tensor3D, counts: [count] };
    const { weights, contributions } = anchorAttentionWeights({
      ...anchorArguments(params, tf.tensor2d(x, [1, x.length]), own),
      logitScale: params.logit_scale as tf.Scalar,
    });
    return [weights.dataSync(), contributions.dataSync()];
  }) as [Float32Array, Float32Array];
  const sentences = Array.from({ length: count }, (_, m) => ({
    sentence: anchors.sentences[label]![m]!,
    attention: attention[m]!,
    share: share[m]!,
  }));
  return {
    logit: sentences.reduce((sum, s) => sum + s.share, 0),
    sentences: sentences.sort((a, b) => b.share - a.share),
  };
}
