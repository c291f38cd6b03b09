import type { SentenceShare } from '../stages/recognise.js';

/** A row of the results table; accuracies in percent, null where no picture falls into a group. */
export interface ResultRow {
  name: string;
  all: number | null;
  many: number | null;
  medium: number | null;
  few: number | null;
}

/** A line of metrics.jsonl. */
export type Metrics = Record<string, number | string | null>;

/** One class of a prediction. */
export interface Guess {
  class: string;
  /** α·softmax(z^I) + (1−α)·softmax(z^T), and both parts. */
  probability: number;
  visual: number;
  text: number;
}

/** A picture with what was predicted and why. */
export interface Example {
  id: string;
  /** uint8 RGB, row-major [size, size, 3]. */
  pixels: Uint8Array;
  size: number;
  truth: string;
  /** Training pictures of the true class. */
  trainCount: number;
  /** Best classes first. */
  guesses: Guess[];
  /** The baseline's class. */
  baseline?: string;
  /** The sentences of the predicted class and what each adds to its text logit, largest first. */
  sentences: SentenceShare[];
}

/** Two classes that are taken for one another. */
export interface ConfusedPair {
  truth: string;
  predicted: string;
  /** Pictures of `truth` predicted as `predicted`, and all of `truth`. */
  count: number;
  of: number;
}

/** Everything a report shows. A part that is missing is left out of the page. */
export interface ReportData {
  title: string;
  /** Lines under the title: data set, backend, seeds, seconds. */
  facts: [label: string, value: string][];
  rows: ResultRow[];
  /** Mean over classes (LIFT's convention) of the same rows. */
  rowsByClassMean?: ResultRow[];
  /** What `classes` and `examples` were recognised by. Default 'VL-LTR'. */
  method?: string;
  /** Split whose pictures all accuracies and examples are of. Default 'test'. */
  split?: 'test' | 'val';
  /** Pictures of it that all figures are without, since they cannot be read. Default 0. */
  leftOut?: number;
  shots: { manyAbove: number; fewUpTo: number };
  /** Training curves: lines of one stage each, as metrics.jsonl holds them. */
  curves: { stage: string; metrics: Metrics[] }[];
  classes: { name: string; trainCount: number; accuracy: number | null; baseline: number | null }[];
  examples: Example[];
  confused: ConfusedPair[];
  /** The run's configuration, shown folded. */
  config?: unknown;
}
