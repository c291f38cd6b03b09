import { join } from 'node:path';
import type { ShotBounds } from '../../data/types.js';
import { writeReport } from '../../report/index.js';
import type { ReportData, ResultRow } from '../../report/types.js';
import type { ShotAccuracy } from '../../stages/accuracy.js';
import type { Inspection } from '../../stages/inspect.js';
import { readMetrics } from '../../training/metrics.js';
import { clock } from '../terminal.js';
import { storedConfig } from './storedRun.js';

/** What a command knows of a run beside what its folder holds. */
export interface RunReport {
  title: string;
  bounds: ShotBounds;
  facts?: [label: string, value: string][];
  rows?: (ShotAccuracy & { name: string; byClassMean: ShotAccuracy })[];
  /** Split whose pictures the rows are of; default: the inspection's. */
  split?: 'val' | 'test';
  /** How many of its pictures are left out. Default 0 */
  leftOut?: number;
  inspection?: Inspection;
  /** Folder of the stage-1 run this one continues; its curves come first. */
  stage1?: string;
}

const resultRow = (name: string, { all, many, medium, few }: ShotAccuracy): ResultRow => ({
  name,
  all,
  many,
  medium,
  few,
});

/** Curves of every stage that left metrics in a folder, in the order of their beginning. */
async function curves(dir: string): Promise<ReportData['curves']> {
  const lines = await readMetrics(dir);
  return [...new Set(lines.map((line) => line.stage))].map((stage) => ({
    stage,
    metrics: lines.filter((line) => line.stage === stage),
  }));
}

/** Writes report.html into a run folder. */
export async function writeRunReport(dir: string, report: RunReport): Promise<void> {
  const { rows = [], inspection, split = inspection?.split, stage1 } = report;
  const config = await storedConfig(dir);
  const before = stage1 ? await curves(stage1) : [];
  const all = [...before, ...(await curves(dir))];
  const seconds = all
    .map(({ metrics }) => metrics.at(-1)?.seconds)
    .reduce<number>((sum, s) => sum + (typeof s === 'number' ? s : 0), 0);
  const fact = (label: string, key: string): [string, string][] =>
    config?.[key] === undefined ? [] : [[label, String(config[key])]];
  await writeReport(join(dir, 'report.html'), {
    title: report.title,
    facts: [
      ...(report.facts ?? []),
      ...fact('data', 'data'),
      ...fact('began with', 'from'),
      ...fact('backend', 'backend'),
      ...fact('kernels', 'kernels'),
      ...fact('seed', 'seed'),
      ['training', clock(seconds)],
    ],
    rows: rows.map((row) => resultRow(row.name, row)),
    rowsByClassMean: rows.map((row) => resultRow(row.name, row.byClassMean)),
    method: inspection?.method,
    split,
    leftOut: report.leftOut,
    shots: report.bounds,
    curves: all,
    classes: inspection?.classes ?? [],
    examples: inspection?.examples ?? [],
    confused: inspection?.confused ?? [],
    config,
  });
}
