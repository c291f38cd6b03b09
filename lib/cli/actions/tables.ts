import { percent } from '../../report/format.js';
import type { ShotAccuracy } from '../../stages/accuracy.js';
import type { EvaluationRow } from '../../stages/evaluation.js';
import { table } from '../terminal.js';

const GROUPS = ['all', 'many', 'medium', 'few'] as const;

const cells = (accuracy: ShotAccuracy): string[] => GROUPS.map((group) => percent(accuracy[group]));

/** Accuracies by shot group in both conventions, as people read them. */
export function accuracyTables(rows: readonly EvaluationRow[]): string {
  return [
    table(
      ['top-1, %, over pictures', ...GROUPS],
      rows.map((row) => [row.name, ...cells(row)]),
    ),
    '',
    table(
      ['mean over classes', ...GROUPS],
      rows.map((row) => [row.name, ...cells(row.byClassMean)]),
    ),
  ].join('\n');
}

/** A row as summary.json holds it: without the accuracy of every class, `rounded`. */
export interface SummaryRow extends ShotAccuracy {
  name: string;
  byClassMean: ShotAccuracy;
}

/** To four decimals: more than are shown, lest what is shown be rounded twice. */
export const rounded = (percent: number | null): number | null =>
  percent === null ? null : Math.round(percent * 1e4) / 1e4;

const groups = (accuracy: ShotAccuracy): ShotAccuracy =>
  Object.fromEntries(GROUPS.map((group) => [group, rounded(accuracy[group])])) as unknown as ShotAccuracy;

export function summaryRow(row: EvaluationRow): SummaryRow {
  return { name: row.name, ...groups(row), byClassMean: groups(row.byClassMean) };
}
