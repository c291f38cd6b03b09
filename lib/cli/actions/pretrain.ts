import { join } from 'node:path';
import type { Command } from 'commander';
import { saveClip } from '../../clip/checkpoint/index.js';
import type { LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import type { PaperPreset } from '../../presets/paper/index.js';
import { shippedTeacher } from '../../presets/teacher.js';
import { ready } from '../../runtime/ready.js';
import { tf } from '../../runtime/tf.js';
import { classCounts } from '../../stages/accuracy.js';
import { fileDigest } from '../../stages/anchorFile.js';
import { inUpdates, type Settings } from '../../stages/epochs.js';
import { evaluateByText, type Stage1Evaluation } from '../../stages/evaluation.js';
import type { PretrainOptions } from '../../stages/options.js';
import { pretrain } from '../../stages/pretrain.js';
import { TextBank } from '../../stages/textBank.js';
import { unitSentences } from '../../stages/zeroShot.js';
import type { DataFlags } from '../dataFlags.js';
import { dataName } from '../dataName.js';
import type { RunOptions } from '../options.js';
import type { PresetFlags } from '../presetFlags.js';
import { print, say } from '../terminal.js';
import { type ContrastiveFlags, settingsFor, type TrainFlags, withContrastiveFlags, withFlags } from '../trainFlags.js';
import { dryRun } from './dryRun.js';
import { inherit } from './inherit.js';
import { dataDigest, holdOutFor, openClip, openTeacher } from './models.js';
import { openData } from './openData.js';
import { sayPresetNotes } from './presetNotes.js';
import { showTraining } from './progress.js';
import { resumable } from './readablePictures.js';
import { beginRun, refuseOccupied } from './runFolder.js';
import { type RunReport, writeRunReport } from './runReport.js';
import { accuracyTables, type SummaryRow, summaryRow } from './tables.js';
import { told } from './told.js';
import { trainingSeconds } from './trainingSeconds.js';
import { checkWeights } from './weights.js';

/** The options of the command line. */
export interface PretrainCommand extends RunOptions, TrainFlags, ContrastiveFlags, DataFlags, PresetFlags {
  from?: string;
  resolution?: number;
  measure?: boolean;
  set?: string[];
  teacher?: string;
  beta?: number;
  holdOut?: number;
}

/** Stage 1's own evaluations of a split, of the model it began with and of what it made. */
export interface Stage1Summary {
  start: { rows: SummaryRow[]; textToImage: number };
  stage1: { rows: SummaryRow[]; textToImage: number };
}

/** summary.json of a stage-1 run. */
export interface PretrainSummary {
  stage: 'pretrain';
  data: string;
  classes: number;
  from: string;
  backend: string;
  kernels: string;
  trainingSeconds: number;
  /** Training pictures that could not be read and were replaced. */
  unreadable?: readonly string[];
  evaluations: { val?: Stage1Summary; test?: Stage1Summary };
}

function pretrainSettings(data: string, flags: PretrainCommand, preset?: PaperPreset): Settings<PretrainOptions> {
  const recipe = settingsFor(data, preset).pretrain;
  const settings = withContrastiveFlags(withFlags(recipe, flags), flags);
  return { ...settings, distillWeight: flags.beta ?? recipe.distillWeight };
}

/** Runs `vl-ltr pretrain`. */
export const run = (argument: string | undefined, given: PretrainCommand, command: Command): Promise<void> =>
  resumable('pretrain', given.run, () => trained(argument, given, command));

async function trained(argument: string | undefined, options: PretrainCommand, command: Command): Promise<void> {
  const { flags, said } = await told(command, argument, options);
  const { data: dataArgument } = flags;
  check(dataArgument !== undefined, 'ERR_USAGE', () => {
    return flags.resume
      ? `${flags.run} does not say by which options it was begun: give those again, and the data`
      : 'name the data: vl-ltr pretrain DATA (only --resume knows it)';
  });
  const { how, preset } = await inherit(dataArgument, flags, undefined);
  const settings = pretrainSettings(dataArgument, flags, preset);
  const resolution = flags.resolution ?? preset?.resolution;
  const from = flags.from ?? (preset ? preset.weights.file : shippedTeacher());
  const configuration = {
    data: dataName(dataArgument),
    ...how,
    preset: preset?.name,
    resolution,
    from,
    teacher: flags.teacher ?? from,
    holdOut: flags.holdOut ?? 0,
  };
  if (flags.dryRun) {
    const { holdOut, teacher } = flags;
    const planned = {
      stage: 'pretrain',
      data: dataArgument,
      how,
      holdOut,
      settings,
      preset,
      from: flags.from,
      teacher,
      resolution,
    } as const;
    return dryRun({ command: 'pretrain', run: flags.run, seed: flags.seed, ...configuration }, planned, flags);
  }
  checkWeights(preset, flags.from, true);
  await refuseOccupied(flags, 'pretrain');
  const { backend, kernels } = await ready();
  const start = await openClip(flags.from, resolution);
  const teacher = await openTeacher(flags.teacher, start, resolution);
  const own = start.config;
  const holdOut = holdOutFor(start, flags.holdOut);
  const data = await openData(dataArgument, own.visual.imageSize, holdOut, how);
  const bank = new TextBank(data.sentences, own.text.contextLength);
  say(describe(data, bank));
  if (preset) await sayPresetNotes(preset, data, start.config.visual, start.path);
  const training = inUpdates(settings, data.train.length);
  const begun = {
    ...configuration,
    options: training,
    from: start.path,
    teacher: teacher.path,
    holdOut,
    models: [await fileDigest(start.path), await fileDigest(teacher.path)],
    digest: dataDigest(data),
  };
  await beginRun(flags, 'pretrain', begun, said);

  const params = await showTraining(flags, data, (run) => pretrain(data, bank, start, teacher, training, run));
  // Written before anything else is measured: nothing that comes after can lose it.
  await saveClip(join(flags.run, 'model.safetensors'), own, params, {
    metadata: {
      stage: 'pretrain',
      data: data.name,
      classes: JSON.stringify(data.classes),
      holdOut: String(holdOut),
    },
  });

  const grouping = { trainCounts: classCounts(data.train.labels, data.classes.length), bounds: data.shots };
  const summary: PretrainSummary = {
    stage: 'pretrain',
    data: data.name,
    classes: data.classes.length,
    from: start.path,
    backend,
    kernels,
    trainingSeconds: await trainingSeconds(flags.run, 'pretrain'),
    ...(data.train.unreadable?.length && { unreadable: data.train.unreadable }),
    evaluations: {},
  };
  const shown: string[] = [];
  let reported: Pick<RunReport, 'rows' | 'split' | 'facts'> | undefined;
  // A corpus takes as long as an epoch of pictures: each model reads it once, whatever the number of splits.
  const measured = data.val || data.test;
  const texts = measured && [unitSentences(own, start.params, bank), unitSentences(own, params, bank)];
  for (const split of ['val', 'test'] as const) {
    const images = data[split];
    if (!images) continue;
    const before = await evaluateByText(start, bank, images, grouping, texts?.[0]);
    const after = await evaluateByText({ config: own, params }, bank, images, grouping, texts?.[1]);
    summary.evaluations[split] = { start: summarised(before), stage1: summarised(after) };
    const rows = named(before, after);
    const found = textToImage(before, after);
    shown.push(`${data.name}, ${split}`, accuracyTables(rows), `text → image: ${found}`, '');
    // Test, or val where there is none, as in stage 2's report.
    reported = { rows, split, facts: [['text → image', found]] };
  }
  await writeJson(join(flags.run, 'summary.json'), summary);
  tf.dispose([start.params, teacher.params, params]);
  await writeRunReport(flags.run, { title: `Stage 1 on ${data.name}`, bounds: data.shots, ...reported });
  if (flags.json) print(summary);
  else print(shown.join('\n') || `${data.name} has neither val nor test: stage 1 could not be evaluated`);
  const next = `vl-ltr finetune ${dataArgument} --from ${flags.run} --run DIR`;
  say(`${join(flags.run, 'model.safetensors')} and report.html; next: ${next}`);
}

const summarised = ({ rows, textToImage: share }: Stage1Evaluation) => ({
  rows: rows.map(summaryRow),
  textToImage: Math.round(share * 100) / 100,
});

const named = (before: Stage1Evaluation, after: Stage1Evaluation) => [
  ...before.rows.slice(0, 1).map((row) => ({ ...row, name: 'before (zero-shot)' })),
  ...after.rows,
];

/** How many sentences' nearest picture is of their class. */
const textToImage = (before: Stage1Evaluation, after: Stage1Evaluation): string =>
  `${after.textToImage.toFixed(1)} % of the sentences (before: ${before.textToImage.toFixed(1)} %)`;

/** One line: how many classes, pictures and sentences, and whether sentences were cut. */
export function describe(data: LongTailData, bank: TextBank): string {
  const splits = (['train', 'val', 'test'] as const).flatMap((s) => (data[s] ? [`${s} ${data[s].length}`] : []));
  const cut = bank.truncated ? `, ${bank.truncated} of them cut to ${bank.contextLength} tokens` : '';
  return `${data.name}: ${data.classes.length} classes; pictures: ${splits.join(', ')}; ${bank.length} sentences${cut}`;
}
