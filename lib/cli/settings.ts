import { type Command, InvalidArgumentError } from 'commander';
import { VlltrError } from '../errors.js';
import { suggestion } from '../near.js';
import { DECODINGS } from '../training/views.js';
import { integer, natural, nonNegative, optionName, positive, share } from './options.js';

/** A setting by its name in config.json: the field of the command line it stands for, and how its text is read. */
interface Setting {
  field: string;
  read: (text: string) => unknown;
}

const setting = (field: string, read: Setting['read']): Setting => ({ field, read });

const flag = (text: string): boolean => {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('expected true or false');
};

const oneOf =
  (...choices: string[]) =>
  (text: string): string => {
    if (choices.includes(text)) return text;
    throw new InvalidArgumentError(`expected ${choices.join(', ')}`);
  };

const orNone =
  (read: Setting['read']) =>
  (text: string): unknown =>
    text === 'none' ? null : read(text);

/** A part of the view: a number, false, or two numbers parted by a comma. */
const viewPart =
  (name: string, read: (text: string) => unknown): Setting['read'] =>
  (text) => ({ [name]: read(text) });

const range = (text: string): [number, number] => {
  const [low, high, ...rest] = text.split(',').map(positive);
  if (high === undefined || rest.length > 0 || low! > high) throw new InvalidArgumentError('expected LOW,HIGH');
  return [low!, high];
};

/** Shares of an area: none is larger than the whole. */
const shareRange = (text: string): [number, number] => {
  const found = range(text);
  if (found[1] > 1) throw new InvalidArgumentError('expected LOW,HIGH, at most 1');
  return found;
};

const TRAINING: Record<string, Setting> = {
  steps: setting('steps', natural),
  epochs: setting('epochs', positive),
  batch: setting('batch', natural),
  microBatch: setting('microBatch', orNone(natural)),
  learningRate: setting('lr', positive),
  minLearningRate: setting('minLr', nonNegative),
  warmupSteps: setting('warmup', integer),
  warmupEpochs: setting('warmupEpochs', nonNegative),
  schedule: setting('schedule', oneOf('cosine', 'epoch-cosine')),
  weightDecay: setting('weightDecay', nonNegative),
  clipNorm: setting('clipNorm', orNone(positive)),
  sampler: setting('sampler', oneOf('sqrt', 'uniform', 'balanced')),
  'augment.preset': setting('augment', oneOf('imagenet', 'icon', 'none')),
  'augment.scale': setting('view', viewPart('scale', shareRange)),
  'augment.ratio': setting('view', viewPart('ratio', range)),
  'augment.flip': setting('view', viewPart('flip', share)),
  'augment.erase': setting('view', viewPart('erase', share)),
  'augment.randAugment': setting(
    'view',
    viewPart('randAugment', (text) => (flag(text) ? {} : false)),
  ),
  decode: setting('decode', oneOf(...DECODINGS)),
  batchNorm: setting('batchNorm', oneOf('train', 'eval')),
  smoothing: setting('smoothing', share),
  checkpointEvery: setting('checkpointEvery', natural),
  checkpointEpochs: setting('checkpointEpochs', positive),
  evaluateEvery: setting('evaluateEvery', integer),
  evaluateEpochs: setting('evaluateEpochs', nonNegative),
  precision: setting('precision', oneOf('fp32', 'bf16')),
  capture: setting('capture', oneOf('auto', 'on', 'off')),
  xla: setting('xla', flag),
  resolution: setting('resolution', natural),
  authorsText: setting('authorsText', flag),
};

const ANCHORS: Record<string, Setting> = {
  'anchors.anchors': setting('anchors', natural),
  'anchors.choice': setting('choice', oneOf('anss', 'random', 'cut-off')),
  'anchors.imagesPerClass': setting('imagesPerClass', natural),
  'anchors.split': setting('split', oneOf('train', 'val')),
};

/** What `--set` knows of each command. */
const SETTINGS = {
  pretrain: {
    ...TRAINING,
    distillWeight: setting('beta', share),
    decayScalars: setting('decayScalars', flag),
    freeLogitScale: setting('freeLogitScale', flag),
  },
  anchors: { ...ANCHORS, authorsText: TRAINING.authorsText! },
  finetune: {
    ...TRAINING,
    ...ANCHORS,
    balanced: setting('balanced', flag),
    encoderRate: setting('encoderRate', nonNegative),
    attentionRate: setting('attentionRate', nonNegative),
    detachNorm: setting('detachNorm', flag),
    mixup: setting('mixup', flag),
    alpha: setting('alpha', share),
  },
} satisfies Record<string, Record<string, Setting>>;

/** Whether a command has `--set`. */
export const hasSettings = (command: string): command is keyof typeof SETTINGS => Object.hasOwn(SETTINGS, command);

/** Adds `--set`. */
export function settingsFlag(command: Command): Command {
  return command
    .optionsGroup('Settings by name:')
    .option('--set <key=value...>', 'any setting by its name in config.json: --set learningRate=1e-4 clipNorm=none');
}

/** An option as it is given: a switch has no value. */
const optionText = (field: string, value: unknown): string => {
  const name = optionName(field);
  if (typeof value === 'boolean') return value ? name : name.replace('--', '--no-');
  return `${name} ${String(value)}`;
};

/**
 * The command line with what `--set` says put in.
 * @throws VlltrError ERR_USAGE naming the key and those it may mean, the value and what was expected, or an option that
 *   says something else of the same setting
 */
export function withSet<F extends object>(flags: F & { set?: string[] }, command: keyof typeof SETTINGS): F {
  const { set = [], ...rest } = flags;
  const known: Record<string, Setting> = SETTINGS[command];
  const options: Record<string, unknown> = rest;
  const given = { ...options };
  for (const text of set) {
    const at = text.indexOf('=');
    const [key, value] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
    const found = Object.hasOwn(known, key) ? known[key] : undefined;
    if (!found) {
      // Who knows the option rather than the setting means the same.
      const same = Object.keys(known).filter((name) =>
        [known[name]!.field, optionName(known[name]!.field).slice(2)].includes(key),
      );
      const meant = same.length === 1 ? `did you mean ${same[0]}?` : suggestion(key, Object.keys(known));
      throw new VlltrError('ERR_USAGE', `--set ${key}: ${command} has no such setting; ${meant}`);
    }
    if (value === undefined) throw new VlltrError('ERR_USAGE', `--set ${key} has no value; expected ${key}=VALUE`);
    let read: unknown;
    try {
      read = found.read(value);
    } catch (cause) {
      throw new VlltrError('ERR_USAGE', `--set ${key}=${value}: ${(cause as Error).message}`, { cause });
    }
    const option = options[found.field];
    if (found.field !== 'view' && option !== undefined && option !== read) {
      const both = `--set ${text} and ${optionText(found.field, option)}`;
      throw new VlltrError('ERR_USAGE', `${both} say different things of one setting; expected one of them`);
    }
    const merged = found.field === 'view' ? { ...(given.view as object | undefined), ...(read as object) } : read;
    given[found.field] = merged;
  }
  if (given.steps !== undefined && given.epochs !== undefined)
    throw new VlltrError('ERR_USAGE', '--set: steps and epochs are both given; expected one of them');
  return given as F;
}
