import { COLUMNS, conventionsAgree, percent } from '../../report/format.js';
import type { ShotAccuracy } from '../../stages/accuracy.js';
import type { EvaluationRow } from '../../stages/evaluation.js';
import { table } from '../terminal.js';

const cells = (accuracy: ShotAccuracy): string[] => COLUMNS.map((group) => percent(accuracy[group]));

/** Accuracies by shot group in both conventions, as people read them: one table where they give the same figures. */
export function accuracyTables(rows: readonly EvaluationRow[]): string {
  const means = rows.map(({ byClassMean }) => byClassMean);
  const convention = (name: string, of: readonly ShotAccuracy[]): string =>
    table(
      [name, ...COLUMNS],
      of.map((accuracy, i) => [rows[i]!.name, ...cells(accuracy)]),
    );
  return [
    convention('top-1, %, over pictures', rows),
    '',
    conventionsAgree(rows, means) ? 'mean over classes: the same' : convention('mean over classes', means),
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
  Object.fromEntries(COLUMNS.map((group) => [group, rounded(accuracy[group])])) as unknown as ShotAccuracy;

export function summaryRow(row: EvaluationRow): SummaryRow {
  return { name: row.name, ...groups(row), byClassMean: groups(row.byClassMean) };
}
