import { type ShotGroup, shotGroup } from '../data/shots.js';
import type { ShotBounds } from '../data/types.js';
import { check } from '../errors.js';

/** Accuracies in percent. `null` where no test picture falls into a group. */
export interface ShotAccuracy {
  all: number | null;
  many: number | null;
  medium: number | null;
  few: number | null;
}

/** Both conventions (METHOD.md): pooled over pictures (the authors'), averaged over classes (LIFT's). */
export interface AccuracyReport extends ShotAccuracy {
  byClassMean: ShotAccuracy;
  /** Accuracy of each class in percent, `null` without test pictures. */
  perClass: (number | null)[];
}

/**
 * Top-1 accuracy by shot group.
 * @param predicted class of each picture [N]
 * @param labels true class of each picture [N]
 * @param trainCounts training pictures of each class [C]
 */
export function accuracyByShot(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  trainCounts: ArrayLike<number>,
  bounds: ShotBounds,
): AccuracyReport {
  check(
    predicted.length === labels.length,
    'ERR_ARGUMENT',
    () => `predicted has ${predicted.length} entries, labels ${labels.length}; they must agree`,
  );
  const classes = trainCounts.length;
  const right = new Float64Array(classes);
  const total = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const y = labels[i]!;
    check(y >= 0 && y < classes, 'ERR_ARGUMENT', () => `labels[${i}] is ${y}; expected 0 … ${classes - 1}`);
    total[y]! += 1;
    if (predicted[i] === y) right[y]! += 1;
  }
  const perClass = Array.from(total, (n, c) => (n ? (100 * right[c]!) / n : null));
  const group = (shot: ShotGroup | null, mean: boolean): number | null => {
    let sum = 0;
    let count = 0;
    for (let c = 0; c < classes; c++) {
      if (!total[c] || (shot !== null && shotGroup(trainCounts[c]!, bounds) !== shot)) continue;
      sum += mean ? perClass[c]! : 100 * right[c]!;
      count += mean ? 1 : total[c]!;
    }
    return count ? sum / count : null;
  };
  const report = (mean: boolean): ShotAccuracy => ({
    all: group(null, mean),
    many: group('many', mean),
    medium: group('medium', mean),
    few: group('few', mean),
  });
  return { ...report(false), byClassMean: report(true), perClass };
}

/** Index of the largest entry of each row of a row-major [rows, columns] matrix. */
export function argMaxRows(values: ArrayLike<number>, columns: number): Int32Array {
  const rows = values.length / columns;
  const out = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let best = 0;
    for (let j = 1; j < columns; j++) if (values[i * columns + j]! > values[i * columns + best]!) best = j;
    out[i] = best;
  }
  return out;
}

/** Pictures of each class: [C]. */
export function classCounts(labels: ArrayLike<number>, classes: number): Int32Array {
  const counts = new Int32Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  return counts;
}

/** Share in percent of the pictures whose class was predicted. */
export function topOne(predicted: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predicted[i] === labels[i]) right++;
  return (100 * right) / labels.length;
}
