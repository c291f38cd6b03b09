import type { Command } from 'commander';
import { type ClassReport, checkFolder, type DataReport, type Finding } from '../data/checkData.js';
import { shotPresets } from '../data/shots.js';
import { VlltrError } from '../errors.js';
import { Bar, table } from './terminal.js';

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
  const { groups, shots, pictures } = report;
  const bounds = {
    many: `more than ${shots.manyAbove}`,
    medium: `${shots.fewUpTo + 1} to ${shots.manyAbove}`,
    few: `up to ${shots.fewUpTo}`,
  };
  const splits = Object.entries(pictures).map(([split, n]) => `${split} ${n}`);
  const problems = report.findings.filter((f) => f.severity === 'problem').length;
  const warnings = report.findings.length - problems;
  return [
    `${report.dir}: ${report.classes.length} classes; pictures: ${splits.join(', ') || 'none'}`,
    ...(report.imbalance === null ? [] : [`largest class ${report.imbalance.toFixed(1)} times the smallest`]),
    '',
    table(
      ['shots', 'training pictures', 'classes', 'pictures'],
      (['many', 'medium', 'few'] as const).map((g) => [g, bounds[g], groups[g].classes, groups[g].pictures]),
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

interface Options {
  json?: boolean;
  fast?: boolean;
  shots: string;
}

const SHOTS = [...Object.keys(shotPresets), 'scaled', 'auto'];

/** Adds `vl-ltr check`. */
export function register(program: Command): void {
  program
    .command('check')
    .description('look through a folder of your own pictures before training')
    .argument('<dir>', 'folder with train/<class>/pictures, optional val/ and test/')
    .option('--json', 'print the whole report as JSON')
    .option('--fast', 'do not open the pictures (finds no unreadable or equal ones)')
    .option('--shots <bounds>', `shot groups: ${SHOTS.join(', ')}`, 'auto')
    .addHelpText(
      'after',
      `
The folder:
  train/<class>/…   pictures (jpg, png, webp, gif, tif, avif, svg); folders within a class are searched too
  val/, test/       the same classes; both optional
  classes.json      {"<class>": ["a sentence", …], …}; optional
  text/<class>.txt  sentences or an article of a class; optional
Without text a class has the prompts of its name ("a photo of a …").

Exits 1 if something would stop training: a class without pictures, a picture that cannot be read, a class of val
or test that train lacks, texts that cannot be read.`,
    )
    .action(async (dir: string, options: Options) => {
      if (!SHOTS.includes(options.shots))
        throw new VlltrError('ERR_USAGE', `--shots is "${options.shots}", expected ${SHOTS.join(', ')}`);
      let bar: Bar | undefined;
      const report = await checkFolder(dir, {
        shots: options.shots as 'auto',
        decode: !options.fast,
        onProgress: (done, total) => {
          bar ??= new Bar('pictures', total);
          bar.update(done);
        },
      });
      bar?.end();
      process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : format(report)}\n`);
      if (!report.ok) process.exitCode = 1;
    });
}
