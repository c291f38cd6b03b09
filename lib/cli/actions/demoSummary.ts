import type { Column } from '../../report/format.js';
import type { ResultRow } from '../../report/types.js';
import type { ShotAccuracy } from '../../stages/accuracy.js';
import type { ComparisonRow } from '../../stages/comparison.js';
import { rounded } from './tables.js';

/** `summary.json` of a demo. Accuracies in percent. */
export interface Summary {
  backend: string;
  kernels: string;
  device: string;
  tensorflow?: string;
  data: string;
  /** Seconds of the whole run, and of what came before the first training (drawing Icon-LT). */
  seconds: number;
  preparationSeconds: number;
  /** Means over the seeds, pooled over pictures. */
  results: ResultRow[];
  /** The same averaged over classes. */
  resultsByClassMean: ResultRow[];
  seeds: { seed: number; alpha: number; results: ResultRow[] }[];
}

function row(name: string, accuracies: ShotAccuracy[]): ResultRow {
  const mean = (key: Column): number | null => {
    const values = accuracies.map((a) => a[key]).filter((x) => x !== null);
    return values.length ? rounded(values.reduce((a, b) => a + b, 0) / values.length) : null;
  };
  return { name, all: mean('all'), many: mean('many'), medium: mean('medium'), few: mean('few') };
}

/** Means over seeds of every row, in both conventions, and each seed's own rows. */
export function meanRows(
  perSeed: { seed: number; alpha: number; rows: ComparisonRow[] }[],
): Pick<Summary, 'results' | 'resultsByClassMean' | 'seeds'> {
  const names = perSeed[0]!.rows.map((r) => r.name);
  const over = (name: string, pick: (r: ComparisonRow) => ShotAccuracy): ResultRow =>
    row(
      name,
      perSeed.map(({ rows }) => pick(rows.find((r) => r.name === name)!)),
    );
  return {
    results: names.map((name) => over(name, (r) => r.accuracy)),
    resultsByClassMean: names.map((name) => over(name, (r) => r.accuracy.byClassMean)),
    seeds: perSeed.map(({ seed, alpha, rows }) => ({
      seed,
      alpha,
      results: rows.map((r) => row(r.name, [r.accuracy])),
    })),
  };
}
