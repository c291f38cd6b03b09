import { type Command, Option } from 'commander';
import { check } from '../errors.js';
import { GENERAL_RECIPE } from '../presets/general.js';
import { ICON_RECIPE } from '../presets/iconLt.js';
import type { PaperPreset } from '../presets/paper/index.js';
import type { Recipe } from '../stages/comparison.js';
import { isInEpochs, type Settings } from '../stages/epochs.js';
import type {
  AnchorOptions,
  BaselineOptions,
  ContrastiveOptions,
  FinetuneOptions,
  PretrainOptions,
  SamplerKind,
  ScheduleKind,
  TrainOptions,
} from '../stages/options.js';
import type { AugmentOptions } from '../training/augment.js';
import { DECODINGS, type Decoding } from '../training/views.js';
import { type CaptureFlags, captureFlags, withCaptureFlags } from './captureFlags.js';
import { isIconLt } from './dataName.js';
import { integer, natural, nonNegative, positive, share } from './options.js';

/** Options of a training, as the command line gives them; what is absent comes from the recipe. */
export interface TrainFlags extends CaptureFlags {
  steps?: number;
  epochs?: number;
  batch?: number;
  /** null: the whole batch at once, whatever the recipe says. */
  microBatch?: number | null;
  lr?: number;
  warmup?: number;
  warmupEpochs?: number;
  minLr?: number;
  schedule?: ScheduleKind;
  weightDecay?: number;
  /** null: gradients are never scaled down. */
  clipNorm?: number | null;
  sampler?: SamplerKind;
  augment?: AugmentOptions['preset'];
  /** Parts of the training view that differ from its preset's. */
  view?: Record<string, unknown>;
  decode?: Decoding;
  batchNorm?: 'train' | 'eval';
  smoothing?: number;
  checkpointEvery?: number;
  checkpointEpochs?: number;
  evaluateEvery?: number;
  evaluateEpochs?: number;
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

/** Settings of the stages: a preset's, or those of the data's recipe. */
export interface StageSettings {
  pretrain: Settings<PretrainOptions>;
  anchors: AnchorOptions;
  finetune: Settings<FinetuneOptions>;
  /** Of the vision-only baseline; presets have none. */
  baseline?: BaselineOptions;
}

/** What the command line begins with. */
export const settingsFor = (data: string, preset?: PaperPreset): StageSettings => preset ?? recipeFor(data);

/** `--schedule <kind>` */
export const scheduleOption = (): Option =>
  new Option('--schedule <kind>', "a cosine by update, or the authors': by epoch, from 1e-6, one epoch late").choices([
    'cosine',
    'epoch-cosine',
  ]);

/** Adds the options of the temperature. */
export function contrastiveFlags(command: Command): Command {
  return command
    .optionsGroup('Training:')
    .option('--decay-scalars', "weight decay for the logit scale, too, as in the authors' code")
    .option('--free-logit-scale', "no bound of ln 100 on the logit scale, as in the authors' code");
}

/** The recipe's options with what the command line says of the temperature instead. */
export const withContrastiveFlags = <T extends Pick<ContrastiveOptions, 'decayScalars' | 'freeLogitScale'>>(
  recipe: T,
  flags: ContrastiveFlags,
): T => ({
  ...recipe,
  decayScalars: flags.decayScalars ?? recipe.decayScalars,
  freeLogitScale: flags.freeLogitScale ?? recipe.freeLogitScale,
});

/** Adds the options of a training. */
export function trainFlags(command: Command): Command {
  command
    .optionsGroup('Training:')
    .addOption(new Option('--steps <n>', 'updates').argParser(natural).conflicts('epochs'))
    .option('--epochs <n>', 'passes over the training pictures instead of --steps', positive)
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
      new Option(
        '--decode <mode>',
        'training photographs: JPEGs shrunk as they are decoded where a view needs no more, or whole',
      ).choices(DECODINGS),
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

/** A value of the command line, where null takes the recipe's away. */
const orNone = (flag: number | null | undefined, recipe: number | undefined): number | undefined =>
  flag === null ? undefined : (flag ?? recipe);

/** What of a view `--set` can change. */
const VIEW_PARTS: Record<AugmentOptions['preset'], readonly string[]> = {
  imagenet: ['scale', 'ratio', 'flip', 'erase', 'randAugment'],
  icon: ['flip'],
  none: [],
};

/** A view with parts of its own. @throws VlltrError ERR_USAGE naming one that such a view has not */
function viewWith(augment: AugmentOptions, parts: Record<string, unknown> = {}): AugmentOptions {
  const known = VIEW_PARTS[augment.preset];
  for (const part of Object.keys(parts))
    check(known.includes(part), 'ERR_USAGE', () => {
      const has = known.length > 0 ? `has ${known.map((name) => `augment.${name}`).join(', ')} alone` : 'has none';
      return `--set augment.${part} is a part of the view imagenet; the view of this training, ${augment.preset}, ${has}`;
    });
  return { ...augment, ...parts } as AugmentOptions;
}

/** The recipe's options with what the command line says instead; in epochs where either counts so. */
export function withFlags<T extends TrainOptions & { smoothing: number }>(
  recipe: Settings<T>,
  flags: TrainFlags,
): Settings<T> {
  const augment = flags.augment ? { preset: flags.augment } : recipe.augment;
  const common = {
    ...withCaptureFlags(recipe, flags),
    batch: flags.batch ?? recipe.batch,
    microBatch: orNone(flags.microBatch, recipe.microBatch),
    learningRate: flags.lr ?? recipe.learningRate,
    minLearningRate: flags.minLr ?? recipe.minLearningRate,
    schedule: flags.schedule ?? recipe.schedule,
    weightDecay: flags.weightDecay ?? recipe.weightDecay,
    clipNorm: orNone(flags.clipNorm, recipe.clipNorm),
    sampler: flags.sampler ?? recipe.sampler,
    augment: viewWith(augment, flags.view),
    decode: flags.decode ?? recipe.decode,
    batchNorm: flags.batchNorm ?? recipe.batchNorm,
    smoothing: flags.smoothing ?? recipe.smoothing,
  };
  return { ...common, ...lengthOf<T>(recipe, flags) } as unknown as Settings<T>;
}

/** How long a stage trains: in updates, or in epochs. A shorter one warms up for a tenth of it at most. */
function lengthOf<T extends TrainOptions>(recipe: Settings<T>, flags: TrainFlags) {
  const { warmup: warmupSteps, checkpointEvery, evaluateEvery } = flags;
  const own = isInEpochs(recipe) ? recipe : undefined;
  if (flags.steps !== undefined || !(own || flags.epochs !== undefined)) {
    const updates = own ? undefined : (recipe as T);
    const steps = flags.steps ?? updates!.steps;
    const tenth = Math.floor(steps / 10);
    for (const name of ['warmupEpochs', 'checkpointEpochs', 'evaluateEpochs'] as const)
      check(flags[name] === undefined, 'ERR_USAGE', () => {
        return `--set ${name} is for trainings in epochs, this one counts ${steps} updates; add --epochs, or name updates`;
      });
    const none = { epochs: undefined, warmupEpochs: undefined, checkpointEpochs: undefined, evaluateEpochs: undefined };
    return {
      ...none,
      steps,
      warmupSteps: warmupSteps ?? Math.min(updates?.warmupSteps ?? (own?.warmupEpochs === 0 ? 0 : tenth), tenth),
      checkpointEvery: checkpointEvery ?? updates?.checkpointEvery ?? Math.max(1, tenth),
      evaluateEvery: evaluateEvery ?? updates?.evaluateEvery ?? Math.max(1, tenth),
    };
  }
  const epochs = flags.epochs ?? own!.epochs;
  const updates = own ? undefined : (recipe as T);
  return {
    steps: undefined,
    epochs,
    warmupEpochs: flags.warmupEpochs ?? Math.min(own?.warmupEpochs ?? epochs / 10, epochs / 10),
    checkpointEpochs: flags.checkpointEpochs ?? own?.checkpointEpochs ?? 1,
    evaluateEpochs: flags.evaluateEpochs ?? own?.evaluateEpochs ?? 1,
    // Counts of updates that were given hold, the recipe's where no rhythm in epochs was.
    warmupSteps,
    checkpointEvery: checkpointEvery ?? (flags.checkpointEpochs === undefined ? updates?.checkpointEvery : undefined),
    evaluateEvery: evaluateEvery ?? (flags.evaluateEpochs === undefined ? updates?.evaluateEvery : undefined),
  };
}
