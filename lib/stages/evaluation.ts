import type { ClipConfig } from '../clip/config.js';
import type { ImageSource, ShotBounds } from '../data/types.js';
import type { TensorMap } from '../runtime/tf.js';
import { type AccuracyReport, accuracyByShot, argMaxRows } from './accuracy.js';
import { type CleanViews, imageFeatures } from './features.js';
import { recognise } from './inspect.js';
import type { Classifier } from './modelFile.js';
import type { TextBank } from './textBank.js';
import { classifyByText, normalizeRows, textToImageAccuracy, unitSentences } from './zeroShot.js';

/** A named way of predicting, and how often it is right; in percent. */
export interface EvaluationRow extends AccuracyReport {
  name: string;
}

/** Shot groups by which accuracies are split. */
export interface Grouping {
  /** Training pictures of each class [C]. */
  trainCounts: ArrayLike<number>;
  bounds: ShotBounds;
}

/**
 * Rows `visual`, `text` and `both` of a two-branch classifier, or the one row `baseline` of a vision-only one.
 * @param views `five`: by the mean of the logits of five crops
 */
export async function evaluateClassifier(
  model: Classifier,
  images: ImageSource,
  { trainCounts, bounds }: Grouping,
  views: CleanViews = 'clean',
): Promise<EvaluationRow[]> {
  const seen = await recognise(model, images, undefined, views);
  const row = (name: string, predicted: Int32Array): EvaluationRow => ({
    name,
    ...accuracyByShot(predicted, images.labels, trainCounts, bounds),
  });
  if (!seen.text) return [row('baseline', seen.predicted)];
  const columns = model.info.classes.length;
  return [
    row('visual', argMaxRows(seen.visual, columns)),
    row('text', argMaxRows(seen.text, columns)),
    row('both', seen.predicted),
  ];
}

/** Stage 1's own evaluations (METHOD.md, stage 1). */
export interface Stage1Evaluation {
  rows: EvaluationRow[];
  /** Share in percent of the sentences whose nearest picture is of their class. */
  textToImage: number;
}

/**
 * Classifies pictures by the class texts alone: rows `class-mean` (CLIP's zero-shot), `nearest-sentence`, `five-nearest`.
 * @param sentences the model's `unitSentences`, where several splits share them
 */
export async function evaluateByText(
  model: { config: ClipConfig; params: TensorMap },
  bank: TextBank,
  images: ImageSource,
  { trainCounts, bounds }: Grouping,
  sentences = unitSentences(model.config, model.params, bank),
): Promise<Stage1Evaluation> {
  const { config, params } = model;
  const x = normalizeRows(await imageFeatures(config, params, images), config.embedDim);
  const by = classifyByText(config, params, bank, x, sentences);
  const row = (name: string, predicted: Int32Array): EvaluationRow => ({
    name,
    ...accuracyByShot(predicted, images.labels, trainCounts, bounds),
  });
  return {
    rows: [
      row('class-mean', by.classMean),
      row('nearest-sentence', by.nearestSentence),
      row('five-nearest', by.fiveNearest),
    ],
    textToImage: textToImageAccuracy(config, params, bank, x, images.labels, sentences),
  };
}
