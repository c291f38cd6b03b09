import { shotGroup } from '../data/shots.js';
import type { ImageSource, LongTailData } from '../data/types.js';
import { check } from '../errors.js';
import { random } from '../random.js';
import type { ConfusedPair, Example, Guess, ReportData } from '../report/types.js';
import { tf } from '../runtime/tf.js';
import { viewsEach } from '../training/views.js';
import { accuracyByShot, argMaxRows, classCounts } from './accuracy.js';
import { type CleanViews, imageFeatures, meanOfViews, once, rowScores } from './features.js';
import { baselineLogits } from './head.js';
import type { Classifier } from './modelFile.js';
import { explain, lgrScores, mixBranches } from './recognise.js';

/** α where validation could not choose one. */
export const DEFAULT_ALPHA = 0.5;

/** What a classifier makes of a set of pictures. */
export interface Recognition {
  /** Image features, row-major [N, D], of five crops [N, 5, D]; not normalised. */
  features: Float32Array;
  /** Softmax of each branch, row-major [N, C]; a vision-only model has the visual one alone. */
  visual: Float32Array;
  text?: Float32Array;
  /** α·visual + (1−α)·text, [N, C]. */
  both: Float32Array;
  /** Class of each picture by `both`, [N]. */
  predicted: Int32Array;
}

/** The classes' probabilities of pictures by their features, made once for many calls; a vision-only model has no text. */
export interface ClassScores {
  over(x: Float32Array): { visual: Float32Array; text?: Float32Array };
  dispose(): void;
}

/** @param views that the features are of; the mean of a picture's logits counts. The model stays the caller's */
export function classScores(model: Classifier, views: CleanViews = 'clean'): ClassScores {
  const each = viewsEach({ kind: views });
  const { config, params, info } = model;
  if (info.kind === 'lgr') return lgrScores({ config, params, anchors: anchorsOf(model) }, each);
  const visual = (rows: tf.Tensor2D) => tf.softmax(meanOfViews(baselineLogits(params, rows), each));
  return rowScores(config.embedDim, (rows) => ({ visual: visual(rows) }), each);
}

/**
 * Recognises the named pictures (all by default): by one clean view each, or by the mean of the logits of five crops.
 * @param scores the model's for these views, where pictures are recognised in many calls; default: made for each
 */
export async function recognise(
  model: Classifier,
  images: ImageSource,
  indices?: ArrayLike<number>,
  views: CleanViews = 'clean',
  scores?: ClassScores,
): Promise<Recognition> {
  const features = await imageFeatures(model.config, model.params, images, indices, views);
  const branches = scores ? scores.over(features) : once(classScores(model, views), (own) => own.over(features));
  const { visual, text } = branches;
  const both = text ? mixBranches({ visual, text }, model.info.alpha ?? DEFAULT_ALPHA) : visual;
  return { features, ...branches, both, predicted: argMaxRows(both, model.info.classes.length) };
}

/** The anchors of a model that must have them. @throws VlltrError ERR_CHECKPOINT */
export function anchorsOf(model: Classifier): NonNullable<Classifier['anchors']> {
  const { anchors } = model;
  check(anchors, 'ERR_CHECKPOINT', () => 'the classifier has no anchor sentences; expected a two-branch (LGR) model');
  return anchors;
}

/** The `top` classes of picture `row`, best first; ties by index. */
export function guesses(classes: readonly string[], seen: Recognition, row: number, top: number): Guess[] {
  const from = row * classes.length;
  const both = seen.both.subarray(from, from + classes.length);
  return Array.from(both.keys())
    .sort((a, b) => both[b]! - both[a]! || a - b)
    .slice(0, top)
    .map((c) => ({
      class: classes[c]!,
      probability: both[c]!,
      visual: seen.visual[from + c]!,
      text: seen.text ? seen.text[from + c]! : 0,
    }));
}

/** What a report shows of a classifier beside its accuracies. */
export type Inspection = Pick<ReportData, 'classes' | 'examples' | 'confused' | 'method' | 'split'>;

export interface InspectOptions {
  /** Which pictures. Default `test`, or `val` where there is none. */
  split?: 'val' | 'test';
  /** Pictures shown of each shot group. Default 8. */
  examplesPerGroup?: number;
  /** Classes shown for each picture. Default 5. */
  top?: number;
  /** Most confused pairs shown. Default 20. */
  pairs?: number;
  /** Chooses the pictures. Default 0. */
  seed?: number;
}

/**
 * Accuracy of every class, the most confused pairs, and examples with the sentences that decided them, on the test
 * split (validation where there is none). The examples are drawn at random from each shot group, right or wrong alike.
 * @throws VlltrError ERR_DATA where the data has neither split
 */
export async function inspect(
  data: LongTailData,
  classifier: Classifier,
  baseline?: Classifier,
  options: InspectOptions = {},
): Promise<Inspection> {
  const { examplesPerGroup = 8, top = 5, pairs = 20, seed = 0 } = options;
  const split = options.split ?? (data.test ? 'test' : 'val');
  const images = data[split];
  check(images, 'ERR_DATA', () => `${data.name} has no ${options.split ?? 'test or val'} split to look at`);
  const seen = await recognise(classifier, images);
  const plain = baseline && (await recognise(baseline, images)).predicted;
  const { trainCounts } = classifier.info;
  const perClass = (predicted: Int32Array) =>
    accuracyByShot(predicted, images.labels, trainCounts, data.shots).perClass;
  const own = perClass(seen.predicted);
  const theirs = plain && perClass(plain);

  const chosen = drawExamples(images.labels, (c) => shotGroup(trainCounts[c]!, data.shots), examplesPerGroup, seed);
  const pixels = await images.read(chosen);
  const bytes = images.size * images.size * 3;
  const dim = classifier.config.embedDim;
  const examples = chosen.map((i, k): Example => {
    const x = seen.features.subarray(i * dim, (i + 1) * dim);
    return {
      id: images.id(i),
      pixels: pixels.slice(k * bytes, (k + 1) * bytes),
      size: images.size,
      truth: data.classes[images.labels[i]!]!,
      trainCount: trainCounts[images.labels[i]!]!,
      guesses: guesses(classifier.info.classes, seen, i, top),
      ...(plain && { baseline: data.classes[plain[i]!]! }),
      sentences:
        classifier.info.kind === 'lgr'
          ? explain({ ...classifier, anchors: anchorsOf(classifier) }, x, seen.predicted[i]!).sentences
          : [],
    };
  });
  return {
    classes: data.classes.map((name, c) => ({
      name,
      trainCount: trainCounts[c]!,
      accuracy: own[c]!,
      baseline: theirs?.[c] ?? null,
    })),
    examples,
    method: classifier.info.kind === 'lgr' ? 'VL-LTR' : 'Vision only',
    split,
    confused: confusedPairs(seen.predicted, images.labels, data.classes, pairs),
  };
}

/** `each` pictures of every shot group, drawn by the seed, few-shot first. */
function drawExamples(labels: Int32Array, group: (label: number) => string, each: number, seed: number): number[] {
  return ['few', 'medium', 'many'].flatMap((name, stream) => {
    const members = Array.from(labels.keys()).filter((i) => group(labels[i]!) === name);
    const draw = random(seed, 'examples', stream);
    return Array.from(
      { length: Math.min(each, members.length) },
      () => members.splice(draw.int(members.length), 1)[0]!,
    );
  });
}

/** Pairs (truth, predicted) by how often they occur, ties by name. */
export function confusedPairs(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: readonly string[],
  limit: number,
): ConfusedPair[] {
  const totals = classCounts(labels, classes.length);
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    if (predicted[i] === labels[i]) continue;
    const key = labels[i]! * classes.length + predicted[i]!;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || a - b)
    .slice(0, limit)
    .map(([key, count]) => {
      const truth = Math.floor(key / classes.length);
      return { truth: classes[truth]!, predicted: classes[key % classes.length]!, count, of: totals[truth]! };
    });
}
