import { join } from 'node:path';
import type { Command } from 'commander';
import type { LoadedClip } from '../../clip/checkpoint/index.js';
import type { LongTailData } from '../../data/types.js';
import { writeJson } from '../../files/atomic.js';
import { ready } from '../../runtime/ready.js';
import { classCounts } from '../../stages/accuracy.js';
import { fileDigest } from '../../stages/anchorFile.js';
import { trainBaseline } from '../../stages/baseline.js';
import { inUpdates, type Settings } from '../../stages/epochs.js';
import { type EvaluationRow, evaluateClassifier } from '../../stages/evaluation.js';
import { imageFeatures } from '../../stages/features.js';
import { finetune } from '../../stages/finetune.js';
import type { Anchors } from '../../stages/head.js';
import { DEFAULT_ALPHA, inspect } from '../../stages/inspect.js';
import { type Classifier, saveClassifier } from '../../stages/modelFile.js';
import type { BaselineOptions, FinetuneOptions, StageRun } from '../../stages/options.js';
import { chooseAlpha, lgrProbabilities } from '../../stages/recognise.js';
import { dataName } from '../dataName.js';
import { print, say } from '../terminal.js';
import { anchorsFor, planAnchors, stage1Folder } from './anchorPlan.js';
import { dryRun } from './dryRun.js';
import { type FinetuneCommand, finetuneSettings, type Head } from './finetuneSettings.js';
import { inherit } from './inherit.js';
import { checkTrainedOn, dataDigest, holdOutFor, openClip } from './models.js';
import { openData } from './openData.js';
import { sayPresetNotes } from './presetNotes.js';
import { showTraining } from './progress.js';
import { resumable } from './readablePictures.js';
import { beginRun, refuseOccupied } from './runFolder.js';
import { writeRunReport } from './runReport.js';
import { accuracyTables, type SummaryRow, summaryRow } from './tables.js';
import { told } from './told.js';
import { trainingSeconds } from './trainingSeconds.js';
import { checkWeights } from './weights.js';

type Start = LoadedClip & { path: string };

/** summary.json of a finetune run. */
export interface FinetuneSummary {
  stage: 'finetune';
  head: Head;
  data: string;
  classes: number;
  from: string;
  /** Two-branch head only: α and the split it was chosen on. */
  alpha?: number;
  alphaChosenOn?: string;
  backend: string;
  kernels: string;
  trainingSeconds: number;
  /** Training pictures that could not be read and were replaced. */
  unreadable?: readonly string[];
  results: { val?: SummaryRow[]; test?: SummaryRow[] };
}

/** Trains the two-branch head; α is the one given, else chosen on validation, never on test. */
async function trainLgr(
  data: LongTailData,
  start: Start,
  anchors: Anchors,
  options: FinetuneOptions,
  run: StageRun,
  given: number | undefined,
): Promise<Classifier> {
  const { config } = start;
  const params = await finetune(data, start, anchors, options, run);
  const choice =
    data.val &&
    given === undefined &&
    chooseAlpha(
      lgrProbabilities({ config, params, anchors }, await imageFeatures(config, params, data.val)),
      data.val.labels,
    );
  const alpha = given ?? (choice ? choice.alpha : DEFAULT_ALPHA);
  if (choice) say(`α = ${alpha}, chosen on the validation split (${choice.accuracy.toFixed(1)} % there)`);
  else if (given === undefined) say(`α = ${alpha}: ${data.name} has no validation split to choose it on`);
  return {
    config,
    params,
    anchors,
    info: {
      kind: 'lgr',
      config,
      ...classInfo(data),
      alpha,
      alphaChosenOn: given !== undefined ? 'given' : choice ? 'val' : 'default',
      sentences: anchors.sentences,
    },
  };
}

const classInfo = (data: LongTailData) => ({
  classes: data.classes,
  trainCounts: Array.from(classCounts(data.train.labels, data.classes.length)),
});

/** How α came about, for people. */
const ALPHA_FROM: Record<string, string> = {
  val: 'chosen on validation',
  given: 'as given',
  default: 'no validation split',
};

/** Runs `vl-ltr finetune`. */
export const run = (argument: string | undefined, given: FinetuneCommand, command: Command): Promise<void> =>
  resumable('finetune', given.run, () => trained(argument, given, command));

async function trained(argument: string | undefined, given: FinetuneCommand, command: Command): Promise<void> {
  const { flags, said } = await told(command, argument, given);
  const { data: dataArgument, how, preset, presetIsNew } = await inherit(flags.data, flags, flags.from);
  const settings = finetuneSettings(dataArgument, flags, preset);
  const lgr = flags.head === 'lgr';
  // What a run of the preset made sees pictures as that was told to.
  const resolution = flags.resolution ?? (presetIsNew ? preset?.resolution : undefined);
  const alpha = lgr ? (flags.alpha ?? preset?.alpha) : undefined;
  const configuration = {
    data: dataName(dataArgument),
    ...how,
    preset: preset?.name,
    resolution,
    head: flags.head,
    alpha,
  };
  if (flags.dryRun) {
    const { options: anchors, file } = lgr ? await planAnchors(dataArgument, flags, preset) : {};
    const { run, seed, from, holdOut } = flags;
    const stage = lgr ? 'finetune' : 'baseline';
    const planned = { stage, data: dataArgument, how, holdOut, settings, preset, from, resolution } as const;
    const shown = { command: 'finetune', run, seed, from, holdOut, ...configuration, anchors };
    return dryRun(
      shown,
      { ...planned, anchors: anchors?.anchors, choosing: file ? undefined : anchors?.choice },
      flags,
    );
  }
  checkWeights(preset, flags.from, false);
  await refuseOccupied(flags, 'finetune');
  const { backend, kernels } = await ready();
  const start = await openClip(flags.from, resolution);
  const holdOut = holdOutFor(start, flags.holdOut);
  const data = await openData(dataArgument, start.config.visual.imageSize, holdOut, how);
  checkTrainedOn(start, data);
  if (preset) await sayPresetNotes(preset, data, start.config.visual);
  const plan = lgr ? await planAnchors(dataArgument, flags, preset) : undefined;
  const options = inUpdates(settings as Settings<FinetuneOptions | BaselineOptions>, data.train.length);
  const begun = {
    ...configuration,
    options,
    from: start.path,
    stage1: stage1Folder(flags),
    holdOut,
    model: await fileDigest(start.path),
    digest: dataDigest(data),
    anchors: plan,
  };
  await beginRun(flags, 'finetune', begun, said);

  const model = await showTraining(flags, data, async (run): Promise<Classifier> => {
    if (plan) {
      const anchors = await anchorsFor(plan, data, start, flags);
      return trainLgr(data, start, anchors, options as FinetuneOptions, run, alpha);
    }
    const { config } = start;
    const params = await trainBaseline(data, start, options as BaselineOptions, run);
    return { config, params, info: { kind: 'baseline', config, ...classInfo(data) } };
  });
  model.info.holdOut = holdOut;
  await saveClassifier(join(flags.run, 'model.safetensors'), model);

  const evaluated: { val?: EvaluationRow[]; test?: EvaluationRow[] } = {};
  for (const split of ['val', 'test'] as const) {
    const images = data[split];
    if (!images) continue;
    const { trainCounts } = model.info;
    evaluated[split] = await evaluateClassifier(model, images, { trainCounts, bounds: data.shots });
  }
  const { alphaChosenOn } = model.info;
  const summary: FinetuneSummary = {
    stage: 'finetune',
    head: flags.head,
    data: data.name,
    classes: data.classes.length,
    from: start.path,
    ...(lgr && { alpha: model.info.alpha, alphaChosenOn }),
    backend,
    kernels,
    trainingSeconds: await trainingSeconds(flags.run, lgr ? 'finetune' : 'baseline'),
    ...(data.train.unreadable?.length && { unreadable: data.train.unreadable }),
    results: { val: evaluated.val?.map(summaryRow), test: evaluated.test?.map(summaryRow) },
  };
  await writeJson(join(flags.run, 'summary.json'), summary);
  await writeRunReport(flags.run, {
    title: `${lgr ? 'VL-LTR' : 'Vision-only baseline'} on ${data.name}`,
    bounds: data.shots,
    facts: lgr ? [['α', `${model.info.alpha} (${ALPHA_FROM[alphaChosenOn!]})`]] : [],
    rows: evaluated.test ?? evaluated.val,
    inspection: data.test || data.val ? await inspect(data, model) : undefined,
    stage1: stage1Folder(flags),
  });
  if (flags.json) print(summary);
  else {
    const shown = (['val', 'test'] as const).flatMap((split) =>
      evaluated[split] ? [`${data.name}, ${split}`, accuracyTables(evaluated[split]), ''] : [],
    );
    print(shown.join('\n') || `${data.name} has neither val nor test: the model could not be evaluated`);
  }
  say(`${join(flags.run, 'model.safetensors')} and report.html; next: vl-ltr predict --run ${flags.run} PICTURE`);
}
