import { type ClassReport, checkData, type DataReport } from '../../data/checkData.js';
import type { Finding } from '../../data/findings.js';
import { plural } from '../../plural.js';
import { groupRange } from '../../report/format.js';
import type { DataFlags } from '../dataFlags.js';
import { Bar, print, table } from '../terminal.js';

/** Classes and items shown to people; --json has them all. */
const CLASSES_SHOWN = 30;
const ITEMS_SHOWN = 5;

function classTable(classes: readonly ClassReport[]): string[] {
  const sorted = [...classes].sort((a, b) => b.train - a.train);
  const half = CLASSES_SHOWN / 2;
  const hidden = sorted.length - CLASSES_SHOWN;
  const row = (c: ClassReport) => [c.name, c.train, c.val, c.test, c.group, c.sentences];
  const rows = hidden > 0 ? [...sorted.slice(0, half), ...sorted.slice(-half)] : sorted;
  const text = table(['class', 'train', 'val', 'test', 'group', 'own sentences'], rows.map(row));
  return hidden > 0 ? [text, `(the ${half} largest and ${half} smallest; ${hidden} between)`] : [text];
}

function describe({ severity, message, items }: Finding): string[] {
  const shown = items.slice(0, ITEMS_SHOWN).map((item) => `    ${item}`);
  if (items.length > ITEMS_SHOWN) shown.push(`    … and ${items.length - ITEMS_SHOWN} more (--json lists all)`);
  return [`  ${severity}: ${message}`, ...shown];
}

/** The report as people read it. */
export function format(report: DataReport): string {
  const { groups, shots, pictures, heldOut } = report;
  const splits = Object.entries(pictures).map(([split, n]) => `${split} ${n}`);
  const problems = report.findings.filter((f) => f.severity === 'problem').length;
  const warnings = report.findings.length - problems;
  return [
    `${report.path} (${report.format}): ${plural(report.classes.length, 'class', 'classes')}; pictures: ${splits.join(', ') || 'none'}`,
    ...(heldOut
      ? [
          `val: ${heldOut.pictures} pictures of ${heldOut.classes} classes, held out of train (--hold-out ${heldOut.share})`,
        ]
      : []),
    ...(report.imbalance === null ? [] : [`largest class ${report.imbalance.toFixed(1)} times the smallest`]),
    '',
    table(
      ['shots', 'training pictures', 'classes', 'pictures'],
      (['many', 'medium', 'few'] as const).map((g) => [g, groupRange(g, shots), groups[g].classes, groups[g].pictures]),
    ),
    '',
    ...classTable(report.classes),
    '',
    ...report.findings.flatMap(describe),
    ...(report.findings.length ? [''] : []),
    report.ok
      ? `Ready to train${warnings ? `, with ${warnings} warning${warnings === 1 ? '' : 's'}` : ''}.`
      : `Not ready: ${problems} problem${problems === 1 ? '' : 's'} would stop training.`,
  ].join('\n');
}

/** The options of the command line. */
export interface CheckCommand extends DataFlags {
  json?: boolean;
  fast?: boolean;
  holdOut?: number;
}

/** Runs `vl-ltr check`. */
export async function run(path: string, options: CheckCommand): Promise<void> {
  let bar: Bar | undefined;
  const report = await checkData(path, {
    ...options,
    decode: !options.fast,
    onProgress: (done, total) => {
      bar ??= new Bar('pictures', total);
      bar.update(done);
    },
  });
  bar?.end();
  print(options.json ? report : format(report));
  if (!report.ok) process.exitCode = 1;
}
