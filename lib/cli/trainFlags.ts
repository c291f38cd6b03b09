import { type Command, Option } from 'commander';
import { GENERAL_RECIPE } from '../presets/general.js';
import { ICON_RECIPE } from '../presets/iconLt.js';
import type { Recipe } from '../stages/comparison.js';
import type { ContrastiveOptions, SamplerKind, ScheduleKind, TrainOptions } from '../stages/options.js';
import type { AugmentOptions } from '../training/augment.js';
import { type CaptureFlags, captureFlags, withCaptureFlags } from './captureFlags.js';
import { isIconLt } from './dataName.js';
import { integer, natural, nonNegative, positive, share } from './options.js';

/** Options of a training, as the command line gives them; what is absent comes from the recipe. */
export interface TrainFlags extends CaptureFlags {
  steps?: number;
  batch?: number;
  microBatch?: number;
  lr?: number;
  warmup?: number;
  minLr?: number;
  schedule?: ScheduleKind;
  weightDecay?: number;
  clipNorm?: number;
  sampler?: SamplerKind;
  augment?: AugmentOptions['preset'];
  batchNorm?: 'train' | 'eval';
  smoothing?: number;
  checkpointEvery?: number;
  evaluateEvery?: number;
}

/** What a contrastive training (stage 1, the small CLIP) can be told besides. */
export interface ContrastiveFlags {
  decayScalars?: boolean;
  freeLogitScale?: boolean;
}

/** Defaults for a data set: Icon-LT has a recipe of its own. */
export function recipeFor(data: string): Recipe {
  return isIconLt(data) ? ICON_RECIPE : GENERAL_RECIPE;
}

/** `--schedule <kind>` */
export const scheduleOption = (): Option =>
  new Option('--schedule <kind>', "a cosine by update, or the authors': by epoch, from 1e-6, one epoch late").choices([
    'cosine',
    'epoch-cosine',
  ]);

/** Adds the options of the temperature. */
export function contrastiveFlags(command: Command): Command {
  return command
    .option('--decay-scalars', "weight decay for the logit scale, too, as in the authors' code")
    .option('--free-logit-scale', "no bound of ln 100 on the logit scale, as in the authors' code");
}

/** The recipe's options with what the command line says of the temperature instead. */
export const withContrastiveFlags = <T extends ContrastiveOptions>(recipe: T, flags: ContrastiveFlags): T => ({
  ...recipe,
  decayScalars: flags.decayScalars ?? recipe.decayScalars,
  freeLogitScale: flags.freeLogitScale ?? recipe.freeLogitScale,
});

/** Adds the options of a training. */
export function trainFlags(command: Command): Command {
  command
    .option('--steps <n>', 'updates', natural)
    .option('--batch <n>', 'pictures an update', natural)
    .option(
      '--micro-batch <n>',
      'pictures in memory at a time: a batch of any size, with the gradient of the whole',
      natural,
    )
    .option('--lr <rate>', 'peak learning rate of AdamW', positive)
    .option('--warmup <n>', 'updates of linear warm-up (at most a tenth by default)', integer)
    .option('--min-lr <rate>', 'learning rate at the end of the cosine', nonNegative)
    .addOption(scheduleOption())
    .option('--weight-decay <rate>', 'decoupled decay; spares biases, norms and scalars', nonNegative)
    .option('--clip-norm <norm>', 'gradients are scaled down to this global norm', positive)
    .addOption(
      new Option('--sampler <kind>', 'weight of a picture: 1/√n of its class, equal, or 1/n').choices([
        'sqrt',
        'uniform',
        'balanced',
      ]),
    )
    .addOption(
      new Option('--augment <preset>', 'training views: photographs, line drawings, or none').choices([
        'imagenet',
        'icon',
        'none',
      ]),
    )
    .addOption(
      new Option('--batch-norm <mode>', 'batch statistics, or the running ones left as they are').choices([
        'train',
        'eval',
      ]),
    )
    .option('--smoothing <ε>', 'label smoothing', share)
    .option('--checkpoint-every <n>', 'updates between checkpoints', natural)
    .option('--evaluate-every <n>', 'updates between measurements on val; 0: none', integer);
  return captureFlags(command);
}

/** The recipe's options with what the command line says instead. */
export function withFlags<T extends TrainOptions & { smoothing: number }>(recipe: T, flags: TrainFlags): T {
  const steps = flags.steps ?? recipe.steps;
  return {
    ...withCaptureFlags(recipe, flags),
    steps,
    batch: flags.batch ?? recipe.batch,
    microBatch: flags.microBatch ?? recipe.microBatch,
    learningRate: flags.lr ?? recipe.learningRate,
    warmupSteps: flags.warmup ?? Math.min(recipe.warmupSteps, Math.floor(steps / 10)),
    minLearningRate: flags.minLr ?? recipe.minLearningRate,
    schedule: flags.schedule ?? recipe.schedule,
    weightDecay: flags.weightDecay ?? recipe.weightDecay,
    clipNorm: flags.clipNorm ?? recipe.clipNorm,
    sampler: flags.sampler ?? recipe.sampler,
    augment: flags.augment ? { preset: flags.augment } : recipe.augment,
    batchNorm: flags.batchNorm ?? recipe.batchNorm,
    smoothing: flags.smoothing ?? recipe.smoothing,
    checkpointEvery: flags.checkpointEvery ?? recipe.checkpointEvery,
    evaluateEvery: flags.evaluateEvery ?? recipe.evaluateEvery,
  };
}
