import { type ShotGroup, shotGroup } from '../data/shots.js';
import type { ReportData, ResultRow } from './types.js';

/** Columns of the results table, in order. */
export const COLUMNS = ['all', 'many', 'medium', 'few'] as const;
export type Column = (typeof COLUMNS)[number];
export const COLUMN_TITLES: Record<Column, string> = { all: 'All', many: 'Many', medium: 'Medium', few: 'Few' };

/** A percentage with one decimal; a dash where there is none. */
export const percent = (value: number | null | undefined): string =>
  typeof value === 'number' && Number.isFinite(value) ? value.toFixed(1) : '–';

type Figures = Pick<ResultRow, Column>;

/** Less than is ever shown, and more than means over seeds are rounded to. */
const SAME = 1e-3;

/** Whether rows have the same figures by both conventions: they do where every class has as many pictures as any other. */
export const conventionsAgree = (pooled: readonly Figures[], byClassMean: readonly Figures[]): boolean =>
  pooled.every((row, i) =>
    COLUMNS.every((column) => {
      const [a, b] = [row[column], byClassMean[i]?.[column]];
      return a === b || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) < SAME);
    }),
  );

/** A number with its sign, a true minus among them. */
export function signed(value: number, digits = 1): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? '−' : '+'}${text}`;
}

/** What the classes and examples of a report were recognised by. */
export const methodName = ({ method = 'VL-LTR' }: Pick<ReportData, 'method'>): string => method;

/** The split of a report in words: test, validation. */
export const splitName = ({ split }: Pick<ReportData, 'split'>): string => (split === 'val' ? 'validation' : 'test');

/** With a capital first letter. */
export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A share of 1 as a width in percent, for a bar. */
export const barWidth = (share: number): string =>
  `${(100 * Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))).toFixed(1)}%`;

/** Which training counts a shot group has. */
export function groupRange(column: Column, { manyAbove, fewUpTo }: ReportData['shots']): string {
  if (column === 'many') return `more than ${manyAbove}`;
  if (column === 'few') return `up to ${fewUpTo}`;
  if (column === 'medium') {
    if (fewUpTo >= manyAbove) return 'none';
    return fewUpTo + 1 === manyAbove ? `${manyAbove}` : `${fewUpTo + 1} to ${manyAbove}`;
  }
  return 'every class';
}

/** Classes of each column. */
export function classesPerColumn({ classes, shots }: ReportData): Record<Column, number> {
  const of = (group: ShotGroup) => classes.filter((c) => shotGroup(c.trainCount, shots) === group).length;
  return { all: classes.length, many: of('many'), medium: of('medium'), few: of('few') };
}

/** Two rows to be compared: the method and the baseline trained the same way. */
export interface Comparison {
  ours: ResultRow;
  baseline: ResultRow;
}

/**
 * The method against its baseline: `vl-ltr` (else its best branch) with `baseline`, and every `vl-ltr-X` for which
 * there is a `baseline-X` of the same training. A variant is never set against a baseline without it.
 */
export function comparisons(rows: readonly ResultRow[]): Comparison[] {
  const named = new Map(rows.map((row) => [row.name, row]));
  const baseline = named.get('baseline');
  const method = rows.filter((row) => /^vl-ltr\b/.test(row.name));
  const plain = method.filter((row) => !named.has(row.name.replace('vl-ltr', 'baseline')));
  const ours =
    named.get('vl-ltr') ??
    plain.reduce<ResultRow | undefined>((a, b) => (a && (a.all ?? 0) >= (b.all ?? 0) ? a : b), undefined);
  const variants = method.flatMap((row): Comparison[] => {
    const other = row.name === 'vl-ltr' ? undefined : named.get(row.name.replace('vl-ltr', 'baseline'));
    return other ? [{ ours: row, baseline: other }] : [];
  });
  return [...(ours && baseline ? [{ ours, baseline }] : []), ...variants];
}

/** Difference in points of a column; null where either side has none. */
export function difference({ ours, baseline }: Comparison, column: Column): number | null {
  const [a, b] = [ours[column], baseline[column]];
  return a === null || b === null ? null : a - b;
}
