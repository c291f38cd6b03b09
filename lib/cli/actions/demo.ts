import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type LoadedClip, loadClip } from '../../clip/checkpoint/index.js';
import { VlltrError } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { scaleRecipe } from '../../presets/scale.js';
import { shippedTeacher } from '../../presets/teacher.js';
import { percent } from '../../report/format.js';
import { shortHash } from '../../runtime/paths.js';
import { ready } from '../../runtime/ready.js';
import { tf } from '../../runtime/tf.js';
import { type ComparisonRow, compare, disposeOutcome, type Recipe, type SeedOutcome } from '../../stages/comparison.js';
import { type CaptureFlags, withCaptureFlags } from '../captureFlags.js';
import { type DataFlags, givenData } from '../dataFlags.js';
import { dataName } from '../dataName.js';
import type { RunOptions } from '../options.js';
import { bold, clock, print, say, table } from '../terminal.js';
import { recipeFor } from '../trainFlags.js';
import { writeDemoReport } from './demoReport.js';
import { meanRows, type Summary } from './demoSummary.js';
import { printSettings } from './dryRun.js';
import { dataDigest } from './models.js';
import { openData } from './openData.js';
import { Bars } from './progress.js';
import { beginRun, refuseOccupied } from './runFolder.js';
import { told } from './told.js';

/** The options of the command line. */
export interface DemoCommand extends RunOptions, CaptureFlags, DataFlags {
  data: string;
  seeds: number;
  full?: boolean;
  effort: number;
  teacher?: string;
  holdOut?: number;
}

/** Runs `vl-ltr demo`. */
export async function run(given: DemoCommand, command: Command): Promise<void> {
  const started = Date.now();
  const { flags: options, said } = await told(command, undefined, given);
  const { anchors, ...trainings } = scaleRecipe(recipeFor(options.data), options.effort);
  const recipe: Recipe = {
    anchors,
    pretrain: withCaptureFlags(trainings.pretrain, options),
    finetune: withCaptureFlags(trainings.finetune, options),
    baseline: withCaptureFlags(trainings.baseline, options),
  };
  const file = options.teacher ?? shippedTeacher();
  const { seeds, seed, full = false, holdOut = 0 } = options;
  const how = givenData(options.data, options);
  const configuration = { data: dataName(options.data), ...how, teacher: resolve(file), holdOut, seeds, full, recipe };
  if (options.dryRun) return printSettings({ command: 'demo', run: options.run, seed, ...configuration }, options.json);
  await refuseOccupied(options, 'demo', true);
  const runtime = await ready();
  if (!existsSync(file))
    throw new VlltrError(
      'ERR_DATA',
      `the teacher's weights ${file} are missing; make them with: vl-ltr clip --out ${file}`,
    );
  const teacher: LoadedClip = await loadClip(file);
  const data = await openData(options.data, teacher.config.visual.imageSize, holdOut, how);
  if (!data.val || !data.test)
    throw new VlltrError(
      'ERR_DATA',
      `${data.name} has no ${data.val ? 'test' : 'val'} split; the comparison needs both`,
    );
  const identity = shortHash([dataDigest(data), readFileSync(file)]);
  await beginRun(options, 'demo', { ...configuration, identity }, said);
  const prepared = (Date.now() - started) / 1000;
  say(
    `${data.name}: ${data.classes.length} classes, ${data.train.length} training pictures, ${data.test.length} for test`,
  );

  const perSeed: { seed: number; alpha: number; rows: ComparisonRow[] }[] = [];
  let first: SeedOutcome | undefined;
  for (let s = seed; s < seed + seeds; s++) {
    const bars = new Bars();
    if (seeds > 1) say(bold(`seed ${s}`));
    try {
      const outcome = await compare(
        {
          data,
          teacher,
          recipe,
          run: {
            dir: join(options.run, `seed-${s}`),
            seed: s,
            identity,
            resume: options.resume ?? false,
            onProgress: bars.onProgress,
          },
          onRow: (row) => say(`  ${row.name.padEnd(18)} ${describe(row)}`),
        },
        full,
      );
      perSeed.push({ seed: s, alpha: outcome.alpha, rows: outcome.rows });
      if (first) disposeOutcome(outcome);
      else first = outcome;
    } finally {
      bars.end();
    }
  }
  const summary: Summary = {
    backend: runtime.backend,
    kernels: runtime.kernels,
    device: runtime.device,
    tensorflow: runtime.tensorflow,
    data: data.name,
    seconds: Math.round((Date.now() - started) / 1000),
    preparationSeconds: Math.round(prepared),
    ...meanRows(perSeed),
  };
  await writeJson(join(options.run, 'summary.json'), summary);
  await writeDemoReport(options.run, data, summary, first!, recipe, holdOut);
  disposeOutcome(first!);
  tf.dispose(teacher.params);
  if (options.json) print(summary);
  else print(summaryTable(summary));
  say(`${clock(summary.seconds)} in all; ${join(options.run, 'report.html')}`);
}

function describe({ accuracy: a }: ComparisonRow): string {
  return `all ${percent(a.all)}  many ${percent(a.many)}  medium ${percent(a.medium)}  few ${percent(a.few)}`;
}

function summaryTable({ results }: Summary): string {
  return table(
    ['top-1, %', 'all', 'many', 'medium', 'few'],
    results.map((r) => [r.name, percent(r.all), percent(r.many), percent(r.medium), percent(r.few)]),
  );
}
