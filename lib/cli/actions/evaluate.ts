import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../../errors.js';
import { readJson, writeJson } from '../../files/atomic.js';
import { ready } from '../../runtime/ready.js';
import { classCounts } from '../../stages/accuracy.js';
import { type EvaluationRow, evaluateClassifier } from '../../stages/evaluation.js';
import { inspect } from '../../stages/inspect.js';
import type { Classifier } from '../../stages/modelFile.js';
import type { DataFlags } from '../dataFlags.js';
import { print, say } from '../terminal.js';
import { inherit } from './inherit.js';
import { checkClasses, openClassifier } from './models.js';
import { openData } from './openData.js';
import { writeRunReport } from './runReport.js';
import { accuracyTables } from './tables.js';

/** The options of the command line. */
export interface EvaluateCommand extends DataFlags {
  run: string;
  split: 'val' | 'test';
  baseline?: string;
  json?: boolean;
}

/** Runs `vl-ltr evaluate`. */
export async function run(argument: string | undefined, flags: EvaluateCommand): Promise<void> {
  const { split } = flags;
  const { data: dataArgument, how } = await inherit(argument, flags, flags.run);
  await ready();
  const model = await openClassifier(flags.run);
  const baseline = flags.baseline === undefined ? undefined : await openClassifier(flags.baseline);
  const data = await openData(dataArgument, model.config.visual.imageSize, model.info.holdOut, how);

  checkClasses(model.info.classes, data, model.path);
  const heldOut = (of: Classifier) => of.info.holdOut ?? 0;
  check(!baseline || heldOut(baseline) === heldOut(model) || split === 'test', 'ERR_DATA', () => {
    return `${baseline!.path} was trained with --hold-out ${heldOut(baseline!)}, ${model.path} with ${heldOut(model)}: their val differs`;
  });
  if (baseline) checkClasses(baseline.info.classes, data, baseline.path);
  const images = data[split];
  check(images, 'ERR_DATA', () => {
    const other = split === 'test' ? 'val' : 'test';
    return `${data.name} has no pictures in its ${split} split${data[other] ? `; it has ${other}: --split ${other}` : ''}`;
  });

  // An imported model does not know how many pictures it was trained on.
  for (const { info } of [model, ...(baseline ? [baseline] : [])])
    if (info.trainCounts.length === 0)
      info.trainCounts = Array.from(classCounts(data.train.labels, data.classes.length));
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
