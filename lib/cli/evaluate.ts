import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { check } from '../errors.js';
import { readJson, writeJson } from '../files/atomic.js';
import { ready } from '../runtime/ready.js';
import { type EvaluationRow, evaluateClassifier } from '../stages/evaluation.js';
import { inspect } from '../stages/inspect.js';
import { openData, print } from './common.js';
import { checkClasses, openClassifier } from './models.js';
import { writeRunReport } from './runReport.js';
import { accuracyTables } from './tables.js';
import { say } from './terminal.js';

interface EvaluateCommand {
  run: string;
  split: 'val' | 'test';
  baseline?: string;
  json?: boolean;
}

async function run(dataArgument: string, flags: EvaluateCommand): Promise<void> {
  const { split } = flags;
  await ready();
  const model = await openClassifier(flags.run);
  const baseline = flags.baseline === undefined ? undefined : await openClassifier(flags.baseline);
  const data = await openData(dataArgument, model.config.visual.imageSize);
  checkClasses(model.info.classes, data, model.path);
  if (baseline) checkClasses(baseline.info.classes, data, baseline.path);
  const images = data[split];
  check(images, 'ERR_DATA', () => {
    const other = split === 'test' ? 'val' : 'test';
    return `${data.name} has no pictures in its ${split} split${data[other] ? `; it has ${other}: --split ${other}` : ''}`;
  });

  const { trainCounts, alpha, alphaChosenOn } = model.info;
  const grouping = { trainCounts, bounds: data.shots };
  const rows: EvaluationRow[] = [
    ...(baseline ? await evaluateClassifier(baseline, images, grouping) : []),
    ...(await evaluateClassifier(model, images, grouping)),
  ];
  const outcome = {
    data: data.name,
    split,
    pictures: images.length,
    shots: data.shots,
    ...(alpha !== undefined && { alpha, alphaChosenOn }),
    classes: data.classes,
    results: rows,
  };
  if (statSync(flags.run).isDirectory()) {
    await writeJson(join(flags.run, `evaluation-${split}.json`), outcome);
    const config = join(flags.run, 'config.json');
    await writeRunReport(flags.run, {
      title: `${model.info.kind === 'lgr' ? 'VL-LTR' : 'Vision-only baseline'} on ${data.name}, ${split}`,
      bounds: data.shots,
      facts: alpha === undefined ? [] : [['α', String(alpha)]],
      rows,
      inspection: await inspect(data, model, baseline, { split }),
      stage1: existsSync(config) ? (await readJson<{ stage1?: string }>(config)).stage1 : undefined,
    });
    say(`${join(flags.run, `evaluation-${split}.json`)} and report.html`);
  }
  if (flags.json) print(outcome);
  else print(`${data.name}, ${split}: ${images.length} pictures\n${accuracyTables(rows)}`);
}

/** Adds `vl-ltr evaluate`. */
export function register(program: Command): void {
  program
    .command('evaluate')
    .description('accuracy of a trained classifier by shot group')
    .argument('<data>', 'data with the classes the model was made for')
    .option('--run <dir>', 'folder of the finetune run', 'runs/stage2')
    .addOption(new Option('--split <name>', 'which pictures').choices(['test', 'val']).default('test'))
    .option('--baseline <dir>', 'a vision-only run to set beside it, in the table and in the report')
    .option('--json', 'print everything, the accuracy of every class included, as JSON')
    .addHelpText(
      'after',
      `
Rows: visual, text, both (α·softmax of the one + (1−α)·softmax of the other), or baseline for a vision-only model.
Two tables: over pictures (the authors' convention) and the mean over classes (LIFT's). Shot groups go by the
training counts that the model saw. The run folder gets evaluation-<split>.json and a new report.html.

  vl-ltr evaluate pictures --run runs/stage2
  vl-ltr evaluate pictures --run runs/stage2 --baseline runs/baseline --split val --json`,
    )
    .action(run);
}
