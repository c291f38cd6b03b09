import { join } from 'node:path';
import type { ImageSource, LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { ready } from '../../runtime/ready.js';
import { classCounts } from '../../stages/accuracy.js';
import { type EvaluationRow, evaluateByText, evaluateClassifier } from '../../stages/evaluation.js';
import type { CleanViews } from '../../stages/features.js';
import { inspect } from '../../stages/inspect.js';
import { TextBank } from '../../stages/textBank.js';
import type { DataFlags } from '../dataFlags.js';
import { print, say } from '../terminal.js';
import { inherit, isRunFolder } from './inherit.js';
import { openClassifier } from './models.js';
import { openData } from './openData.js';
import { onReadable } from './readablePictures.js';
import { type AnyModel, fitClasses, heldOutOf, openAny } from './recogniser.js';
import { evaluationFile } from './runFolder.js';
import { writeRunReport } from './runReport.js';
import { storedConfig } from './storedRun.js';
import { accuracyTables } from './tables.js';

/** The options of the command line. */
export interface EvaluateCommand extends DataFlags {
  run: string;
  split: 'val' | 'test';
  baseline?: string;
  fiveCrop?: boolean;
  skipUnreadable?: boolean;
  json?: boolean;
}

/** A model's rows for a split. */
async function rowsOf(
  model: AnyModel,
  data: LongTailData,
  images: ImageSource,
  views: CleanViews,
): Promise<EvaluationRow[]> {
  const bounds = data.shots;
  if (model.kind === 'classifier') {
    const { trainCounts } = model.classifier.info;
    return evaluateClassifier(model.classifier, images, { trainCounts, bounds }, views);
  }
  check(
    views === 'clean',
    'ERR_USAGE',
    () => `--five-crop is for classifiers; ${model.path} recognises by class texts`,
  );
  const bank = new TextBank(data.sentences, model.config.text.contextLength);
  const trainCounts = classCounts(data.train.labels, data.classes.length);
  return (await evaluateByText(model.clip, bank, images, { trainCounts, bounds })).rows;
}

type Fact = [label: string, value: string];

/** Those that there are. */
const facts = (...given: (Fact | false | undefined)[]): Fact[] =>
  given.filter((fact) => fact !== false && fact !== undefined);

/** Runs `vl-ltr evaluate`. */
export async function run(argument: string | undefined, flags: EvaluateCommand): Promise<void> {
  const { split } = flags;
  const { data: dataArgument, how } = await inherit(argument, flags, flags.run);
  await ready();
  const model = await openAny(flags.run);
  const baseline = flags.baseline === undefined ? undefined : await openClassifier(flags.baseline);
  const data = await openData(dataArgument, model.config.visual.imageSize, heldOutOf(model), how);

  fitClasses(model, data);
  const heldOut = { model: heldOutOf(model), baseline: baseline?.info.holdOut ?? 0 };
  check(!baseline || heldOut.baseline === heldOut.model || split === 'test', 'ERR_DATA', () => {
    return `${baseline!.path} was trained with --hold-out ${heldOut.baseline}, ${model.path} with ${heldOut.model}: their val differs`;
  });
  const beside = baseline && { kind: 'classifier' as const, ...baseline, classifier: baseline, foreign: false };
  if (beside) fitClasses(beside, data);
  const all = data[split];
  check(all, 'ERR_DATA', () => {
    const other = split === 'test' ? 'val' : 'test';
    return `${data.name} has no pictures in its ${split} split${data[other] ? `; it has ${other}: --split ${other}` : ''}`;
  });

  const classifier = model.kind === 'classifier' ? model.classifier : undefined;
  const { alpha, alphaChosenOn } = classifier?.info ?? {};
  const views = flags.fiveCrop ? 'five' : 'clean';
  const { images, leftOut, found } = await onReadable(all, flags.skipUnreadable ?? false, async (some) => [
    ...(beside ? await rowsOf(beside, data, some, views) : []),
    ...(await rowsOf(model, data, some, views)),
  ]);
  const without =
    leftOut.length === 0 ? undefined : `${leftOut.length} of ${all.length} pictures, which cannot be read`;
  const outcome = {
    data: data.name,
    split,
    pictures: images.length,
    ...(leftOut.length > 0 && { leftOut }),
    views,
    shots: data.shots,
    ...(alpha !== undefined && { alpha, alphaChosenOn }),
    classes: data.classes,
    results: found,
  };
  const name = evaluationFile(split, flags.fiveCrop);
  const file = join(flags.run, name);
  if (await isRunFolder(flags.run)) {
    await writeJson(file, outcome);
    const kind = { lgr: 'VL-LTR', baseline: 'Vision-only baseline', clip: 'Class texts' };
    await writeRunReport(flags.run, {
      title: `${kind[classifier?.info.kind ?? 'clip']} on ${data.name}, ${split}`,
      bounds: data.shots,
      facts: facts(
        without !== undefined && ['left out', `${without} (${name} names them)`],
        alpha !== undefined && ['α', String(alpha)],
        // Sentences explain one view.
        flags.fiveCrop && ['views', 'five crops; classes, pairs and examples by the centre crop'],
      ),
      rows: found,
      split,
      leftOut: leftOut.length,
      inspection: classifier && (await inspect({ ...data, [split]: images }, classifier, baseline, { split })),
      stage1: (await storedConfig(flags.run))?.stage1,
    });
    say(`${file} and report.html`);
  } else if (!flags.json) say(`${flags.run} is no folder of a run: nothing is written there; --json prints everything`);
  if (flags.json) print(outcome);
  else
    print(
      `${data.name}, ${split}: ${images.length} pictures${flags.fiveCrop ? ', five crops each' : ''}${without ? `; left out: ${without}` : ''}\n${accuracyTables(found)}`,
    );
}
