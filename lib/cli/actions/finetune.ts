import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LoadedClip } from '../../clip/checkpoint/index.js';
import type { LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { ready } from '../../runtime/ready.js';
import { classCounts } from '../../stages/accuracy.js';
import { fileDigest, loadAnchors } from '../../stages/anchorFile.js';
import { trainBaseline } from '../../stages/baseline.js';
import { type EvaluationRow, evaluateClassifier } from '../../stages/evaluation.js';
import { imageFeatures } from '../../stages/features.js';
import { finetune } from '../../stages/finetune.js';
import type { Anchors } from '../../stages/head.js';
import { DEFAULT_ALPHA, inspect } from '../../stages/inspect.js';
import { type Classifier, saveClassifier } from '../../stages/modelFile.js';
import type { AnchorOptions, BaselineOptions, FinetuneOptions, StageRun } from '../../stages/options.js';
import { chooseAlpha, lgrProbabilities } from '../../stages/recognise.js';
import { type AnchorFlags, anchorOptions } from '../anchorFlags.js';
import { type DataFlags, givenData } from '../dataFlags.js';
import { dataName } from '../dataName.js';
import type { RunOptions } from '../options.js';
import { print, say } from '../terminal.js';
import { recipeFor, type TrainFlags, withFlags } from '../trainFlags.js';
import { makeAnchors } from './makeAnchors.js';
import { checkClasses, checkTrainedOn, dataDigest, holdOutFor, openClip } from './models.js';
import { openData } from './openData.js';
import { stageRun } from './progress.js';
import { beginRun, refuseOccupied } from './runFolder.js';
import { writeRunReport } from './runReport.js';
import { accuracyTables, type SummaryRow, summaryRow } from './tables.js';
import { trainingSeconds } from './trainingSeconds.js';

type Head = 'lgr' | 'linear' | 'mlp';
type Start = LoadedClip & { path: string };

/** The options of the command line. */
export interface FinetuneCommand extends RunOptions, TrainFlags, AnchorFlags, DataFlags {
  from?: string;
  head: Head;
  balanced?: boolean;
  encoderRate?: number;
  attentionRate?: number;
  detachNorm?: boolean;
  mixup?: boolean;
  holdOut?: number;
}

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
  results: { val?: SummaryRow[]; test?: SummaryRow[] };
}

function classifierOptions(data: string, flags: FinetuneCommand): FinetuneOptions | BaselineOptions {
  const recipe = recipeFor(data);
  const shared = (from: FinetuneOptions | BaselineOptions) => ({
    ...withFlags(from, flags),
    balanced: flags.balanced ?? from.balanced,
    encoderRate: flags.encoderRate ?? from.encoderRate,
    mixup: flags.mixup ?? from.mixup,
  });
  if (flags.head !== 'lgr') return { ...shared(recipe.baseline), head: flags.head };
  return {
    ...shared(recipe.finetune),
    attentionRate: flags.attentionRate ?? recipe.finetune.attentionRate,
    detachNorm: flags.detachNorm ?? recipe.finetune.detachNorm,
  };
}

/** Where the anchors come from: the stage-1 run's own where they fit and nothing else was asked for, else made anew. */
interface AnchorPlan {
  file?: string;
  digest?: string;
  options: AnchorOptions;
}

/** The stage-1 run that is continued, where --from is a folder. */
function stage1Folder({ from }: FinetuneCommand): string | undefined {
  return from !== undefined && statSync(from).isDirectory() ? resolve(from) : undefined;
}

async function planAnchors(dataArgument: string, flags: FinetuneCommand, start: Start): Promise<AnchorPlan> {
  const options = anchorOptions(dataArgument, flags);
  const asked = flags.anchors ?? flags.choice ?? flags.split ?? flags.imagesPerClass;
  const stage1 = stage1Folder(flags);
  if (stage1 === undefined || asked !== undefined) return { options };
  const file = join(stage1, 'anchors.safetensors');
  if (!existsSync(file)) return { options };
  const { anchors, info } = await loadAnchors(file);
  anchors.embeddings.dispose();
  if (info.model !== (await fileDigest(start.path))) {
    say(`${file} was made with an earlier model of this run; choosing anchors anew`);
    return { options };
  }
  return { file, digest: await fileDigest(file), options: info.options };
}

async function anchorsFor(
  plan: AnchorPlan,
  data: LongTailData,
  start: Start,
  flags: FinetuneCommand,
): Promise<Anchors> {
  if (plan.file !== undefined) {
    const { anchors, info } = await loadAnchors(plan.file);
    checkClasses(info.classes, data, plan.file);
    say(`anchors: ${plan.file}`);
    return anchors;
  }
  const file = join(flags.run, 'anchors.safetensors');
  const { anchors } = await makeAnchors(file, data, start, plan.options, flags.seed);
  say(`anchors: ${file} (${plan.options.choice}, at most ${plan.options.anchors} a class)`);
  return anchors;
}

/** Trains the two-branch head and chooses α on validation, never on test. */
async function trainLgr(
  data: LongTailData,
  start: Start,
  anchors: Anchors,
  options: FinetuneOptions,
  run: StageRun,
): Promise<Classifier> {
  const { config } = start;
  const params = await finetune(data, start, anchors, options, run);
  const choice =
    data.val &&
    chooseAlpha(
      lgrProbabilities({ config, params, anchors }, await imageFeatures(config, params, data.val)),
      data.val.labels,
    );
  const alpha = choice?.alpha ?? DEFAULT_ALPHA;
  say(
    choice
      ? `α = ${alpha}, chosen on the validation split (${choice.accuracy.toFixed(1)} % there)`
      : `α = ${alpha}: ${data.name} has no validation split to choose it on`,
  );
  return {
    config,
    params,
    anchors,
    info: {
      kind: 'lgr',
      config,
      ...classInfo(data),
      alpha,
      alphaChosenOn: choice ? 'val' : 'default',
      sentences: anchors.sentences,
    },
  };
}

const classInfo = (data: LongTailData) => ({
  classes: data.classes,
  trainCounts: Array.from(classCounts(data.train.labels, data.classes.length)),
});

/** Runs `vl-ltr finetune`. */
export async function run(dataArgument: string, flags: FinetuneCommand): Promise<void> {
  const options = classifierOptions(dataArgument, flags);
  const lgr = flags.head === 'lgr';
  for (const name of ['anchors', 'choice', 'split', 'imagesPerClass', 'attentionRate', 'detachNorm'] as const)
    check(lgr || flags[name] === undefined, 'ERR_USAGE', () => {
      const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return `--${option} is about anchors; a vision-only head (--head ${flags.head}) has none`;
    });
  const how = givenData(dataArgument, flags);
  const configuration = { data: dataName(dataArgument), ...how, head: flags.head, options };
  if (flags.dryRun) {
    const anchors = lgr ? anchorOptions(dataArgument, flags) : undefined;
    const { run, seed, from } = flags;
    return print({ command: 'finetune', run, seed, from, holdOut: flags.holdOut, ...configuration, anchors });
  }
  await refuseOccupied(flags, 'finetune');
  const { backend, kernels } = await ready();
  const start = await openClip(flags.from);
  const holdOut = holdOutFor(start, flags.holdOut);
  const data = await openData(dataArgument, start.config.visual.imageSize, holdOut, how);
  checkTrainedOn(start, data);
  const plan = lgr ? await planAnchors(dataArgument, flags, start) : undefined;
  await beginRun(flags, 'finetune', {
    ...configuration,
    from: start.path,
    stage1: stage1Folder(flags),
    holdOut,
    model: await fileDigest(start.path),
    digest: dataDigest(data),
    anchors: plan,
  });

  const progress = stageRun(flags);
  let model: Classifier;
  try {
    if (plan) {
      const anchors = await anchorsFor(plan, data, start, flags);
      model = await trainLgr(data, start, anchors, options as FinetuneOptions, progress);
    } else {
      const { config } = start;
      const params = await trainBaseline(data, start, options as BaselineOptions, progress);
      model = { config, params, info: { kind: 'baseline', config, ...classInfo(data) } };
    }
  } finally {
    progress.end();
  }
  model.info.holdOut = holdOut;
  await saveClassifier(join(flags.run, 'model.safetensors'), model);

  const evaluated: { val?: EvaluationRow[]; test?: EvaluationRow[] } = {};
  for (const split of ['val', 'test'] as const) {
    const images = data[split];
    if (!images) continue;
    const { trainCounts } = model.info;
    evaluated[split] = await evaluateClassifier(model, images, { trainCounts, bounds: data.shots });
  }
  const { alpha, alphaChosenOn } = model.info;
  const summary: FinetuneSummary = {
    stage: 'finetune',
    head: flags.head,
    data: data.name,
    classes: data.classes.length,
    from: start.path,
    ...(lgr && { alpha, alphaChosenOn }),
    backend,
    kernels,
    trainingSeconds: await trainingSeconds(flags.run, lgr ? 'finetune' : 'baseline'),
    results: { val: evaluated.val?.map(summaryRow), test: evaluated.test?.map(summaryRow) },
  };
  await writeJson(join(flags.run, 'summary.json'), summary);
  await writeRunReport(flags.run, {
    title: `${lgr ? 'VL-LTR' : 'Vision-only baseline'} on ${data.name}`,
    bounds: data.shots,
    facts: lgr ? [['α', `${alpha} (${alphaChosenOn === 'val' ? 'chosen on validation' : 'no validation split'})`]] : [],
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
