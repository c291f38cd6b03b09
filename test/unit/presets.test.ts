import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FinetuneCommand, finetuneSettings } from '../../lib/cli/actions/finetuneSettings.js';
import { weightsNote } from '../../lib/cli/actions/presetNotes.js';
import { withSet } from '../../lib/cli/settings.js';
import { type TrainFlags, withFlags } from '../../lib/cli/trainFlags.js';
import { clipConfig } from '../../lib/clip/config.js';
import { parameterSpecs } from '../../lib/clip/parameters.js';
import { PUBLISHED } from '../../lib/data/official.js';
import { GENERAL_RECIPE } from '../../lib/presets/general.js';
import { ICON_RECIPE } from '../../lib/presets/iconLt.js';
import { PAPER_PRESETS, type PaperPreset, paperPreset } from '../../lib/presets/paper/index.js';
import { inUpdates } from '../../lib/stages/epochs.js';
import { choosingMemory, onCard, trainingMemory } from '../../lib/stages/memory.js';
import type { FinetuneOptions } from '../../lib/stages/options.js';
import { scheduleOf } from '../../lib/stages/run.js';

/** The released runs: batch on each of eight devices, rates and lengths of both stages (the authors' configurations). */
type Released = [
  name: string,
  device: number,
  rate: number,
  epochs: number,
  minRate: number,
  norm: 'train' | 'eval',
  rate2: number,
  epochs2: number,
  whole: boolean,
  alpha: number,
  top1: number,
];
const RELEASED: Released[] = [
  // name, stage 1: batch/8, lr, epochs, min lr, batch norm; stage 2: lr, epochs; encoder trained, α, top-1
  ['imagenet-lt-r50', 256, 5e-5, 50, 0, 'eval', 1e-3, 50, false, 0.2, 70.1],
  ['imagenet-lt-vit-b16', 128, 3.5e-5, 50, 0, 'eval', 1e-3, 50, false, 0.2, 77.2],
  ['places-lt-r50', 256, 5e-5, 50, 0, 'eval', 1e-4, 50, false, 0.2, 48.0],
  ['places-lt-vit-b16', 128, 1e-5, 50, 0, 'eval', 5e-5, 50, false, 0.2, 50.1],
  ['inaturalist-2018-r50', 256, 5e-4, 100, 1e-5, 'train', 2e-5, 360, true, 0.7, 74.6],
  ['inaturalist-2018-vit-b16', 128, 3.5e-4, 100, 1e-5, 'train', 2e-5, 360, true, 0.7, 76.8],
  ['inaturalist-2018-vit-b16-384', 128, 3.5e-4, 100, 1e-5, 'train', 2e-5, 360, true, 0.7, 81.0],
];

describe('the presets of the paper', () => {
  it.each(RELEASED)('%s has the released settings', (...row) => {
    const [name, device, lr, epochs, min, norm, lr2, epochs2, whole, ...rest] = row;
    const preset = paperPreset(name);
    const common = { schedule: 'epoch-cosine', weightDecay: 0.05, sampler: 'sqrt', augment: { preset: 'imagenet' } };
    expect(preset.pretrain).toMatchObject({
      ...common,
      batch: 8 * device,
      learningRate: lr,
      epochs,
      warmupEpochs: 5,
      minLearningRate: min,
      batchNorm: norm,
      smoothing: 0.1,
      distillWeight: 0.5,
      decayScalars: true,
      freeLogitScale: true,
    });
    expect(preset.finetune).toMatchObject({
      ...common,
      batch: 1024,
      learningRate: lr2,
      epochs: epochs2,
      warmupEpochs: 0,
      minLearningRate: 0,
      batchNorm: 'eval',
      smoothing: 0.1,
      mixup: true,
      balanced: false,
      encoderRate: whole ? 1 : 0,
      detachNorm: whole,
    });
    expect(preset.finetune.learningRate * preset.finetune.attentionRate).toBeCloseTo(1e-6, 15);
    for (const { clipNorm } of [preset.pretrain, preset.finetune]) expect(clipNorm).toBeUndefined();
    expect(preset.anchors).toEqual({
      anchors: 64,
      choice: 'anss',
      imagesPerClass: 50,
      split: whole ? 'train' : 'val',
    });
    expect([preset.alpha, preset.top1]).toEqual(rest);
    expect(preset.weights.source).toContain(preset.weights.sha256);
    expect(preset.data).toMatchObject({ authorsText: true, shots: 'authors' });
    // The parts are whole: no update computes pictures that it then drops.
    expect(preset.pretrain.batch % preset.pretrain.microBatch!).toBe(0);
  });

  it('are all there, each once', () => {
    expect(PAPER_PRESETS.map(({ name }) => name)).toEqual(RELEASED.map(([name]) => name));
  });

  it.each(PAPER_PRESETS)('$name fits a card of 24 GB by the count', ({ weights, resolution, data, ...preset }) => {
    const config = clipConfig(weights.architecture);
    config.visual.imageSize = resolution;
    const numbers = (visual: boolean): number =>
      parameterSpecs(config)
        .filter(({ name }) => name.startsWith('visual.') === visual)
        .reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
    const sizes = { visual: numbers(true), text: numbers(false) };
    const classes = PUBLISHED[data.format]!.classes;
    const dim = config.embedDim;
    const workers = 16;
    const memory = (stage: 'pretrain' | 'finetune') => {
      const { batch, microBatch } = preset[stage];
      const first = stage === 'pretrain';
      const trained = { visual: first || preset.finetune.encoderRate > 0, text: first };
      const head = first ? 0 : 4 * dim * (dim + classes);
      const anchors = first ? 0 : preset.anchors.anchors;
      const texts = { sentences: first ? 1e6 : 0, anchors };
      const parts = trainingMemory(
        { config, sizes, batch, microBatch, classes },
        { ...trained, head },
        { workers, ...texts },
      );
      return onCard(parts, !first);
    };
    expect(memory('pretrain')).toBeLessThan(24e9);
    expect(memory('finetune')).toBeLessThan(24e9);
    expect(memory('pretrain')).toBeGreaterThan(8e9);
  });

  it('choosing anchors of a large corpus takes more than training with them, by the count', () => {
    const config = clipConfig('RN50');
    const sizes = { visual: 38e6, text: 64e6 };
    const sentences = 1_200_000;
    const features = sentences * 1024 * 4;
    const fixed = choosingMemory({ config, sizes }, 0, true);
    expect(choosingMemory({ config, sizes }, sentences, true) - fixed).toBeGreaterThan(3 * features);
    expect(
      choosingMemory({ config, sizes }, sentences, true) - choosingMemory({ config, sizes }, sentences, false),
    ).toBe(2 * features);
    expect(fixed).toBeGreaterThan(102e6 * 4);
  });

  it('in updates are as long as the authors’ loader makes them, and warm up as their schedule does', () => {
    const options = inUpdates(paperPreset('imagenet-lt-r50').pretrain, 115_846);
    expect(options).toMatchObject({ steps: 50 * 56, warmupSteps: 5 * 56, checkpointEvery: 56, evaluateEvery: 560 });
    const rate = scheduleOf(options, 115_846);
    expect([rate(0), rate(111)]).toEqual([1e-6, 1e-6]);
    expect(rate(112)).toBeCloseTo(1e-6 + (5e-5 - 1e-6) / 5, 12);
    expect(rate(50 * 56 - 1)).toBeLessThan(1e-6);
    expect(inUpdates(paperPreset('inaturalist-2018-r50').finetune, 437_513).steps).toBe(360 * 427);
  });

  it('train the attention at 1e-6 whatever the head’s rate is; encoder and recipes follow it', () => {
    const settings = (more: Partial<FinetuneCommand>, preset?: PaperPreset) =>
      finetuneSettings('/data', { run: '', seed: 0, head: 'lgr', ...more }, preset) as FinetuneOptions;
    const rate = ({ learningRate, attentionRate }: FinetuneOptions): number => learningRate * attentionRate;
    const preset = paperPreset('inaturalist-2018-r50');
    for (const lr of [undefined, 2e-5, 1e-3, 1e-7]) expect(rate(settings({ lr }, preset)) / 1e-6).toBeCloseTo(1, 12);
    expect(settings({ lr: 1e-3 }, preset)).toMatchObject({ learningRate: 1e-3, encoderRate: 1 });
    expect(settings(withSet({ set: ['learningRate=1e-3'] }, 'finetune'), preset).attentionRate).toBeCloseTo(1e-3, 12);
    expect(settings({ lr: 1e-3, attentionRate: 0.5 }, preset).attentionRate).toBe(0.5);
    expect(settings({ lr: 2e-2 }).attentionRate).toBe(GENERAL_RECIPE.finetune.attentionRate);
  });

  it('name weights that are not the published file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'vlltr-weights-')), 'RN50.pt');
    writeFileSync(file, 'abc');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-2, appendix B.1
    const preset = paperPreset('places-lt-r50');
    expect(await weightsNote(preset, file)).toBe(
      `weights ${file} (SHA-256 ${abc}), the preset has RN50.pt (SHA-256 ${preset.weights.sha256})`,
    );
    expect(await weightsNote({ ...preset, weights: { ...preset.weights, sha256: abc } }, file)).toBeUndefined();
    rmSync(dirname(file), { recursive: true });
  });

  it('an unknown name is an error that names those it may mean', () => {
    expect(() => paperPreset('imagenet-r50')).toThrow(
      /no preset is named 'imagenet-r50'; did you mean imagenet-lt-r50/,
    );
  });
});

describe('--set', () => {
  type Flags = TrainFlags & { set?: string[] };
  const pretrain = (flags: Flags) => {
    const { pretrain } = paperPreset('places-lt-r50');
    return inUpdates(withFlags(pretrain, withSet(flags, 'pretrain')), 62_500);
  };

  it('overrides key by key, and takes away', () => {
    expect(pretrain({}).microBatch).toBe(32);
    const set = ['learningRate=1e-4', 'microBatch=none', 'augment.erase=0', 'augment.scale=0.2,1', 'clipNorm=1'];
    const options = pretrain({ set: [...set, 'augment.randAugment=false', 'batchNorm=train'] });
    expect(options).toMatchObject({ learningRate: 1e-4, clipNorm: 1, batchNorm: 'train', batch: 2048 });
    expect(options.augment).toEqual({ preset: 'imagenet', erase: 0, scale: [0.2, 1], randAugment: false });
    expect(options.microBatch).toBeUndefined();
    expect(pretrain({ set: ['decode=exact'] }).decode).toBe('exact');
    const whole = withSet({ set: ['mixup=false', 'alpha=0.3', 'anchors.split=train'] }, 'finetune');
    expect(whole).toEqual({ mixup: false, alpha: 0.3, split: 'train' });
  });

  it('parts of a view that the training has not are refused, whichever says the view', () => {
    const icons = (set: string[]) => withFlags(ICON_RECIPE.pretrain, withSet<Flags>({ set }, 'pretrain')).augment;
    expect(icons(['augment.flip=0.5'])).toEqual({ preset: 'icon', flip: 0.5 });
    expect(() => icons(['augment.erase=0'])).toThrow(
      /--set augment\.erase is a part of the view imagenet; .* this training, icon, has augment\.flip alone/,
    );
    expect(icons(['augment.preset=imagenet', 'augment.erase=0'])).toEqual({ preset: 'imagenet', erase: 0 });
    expect(() => pretrain({ augment: 'none', set: ['augment.flip=0'] })).toThrow(/this training, none, has none/);
    expect(() => pretrain({ set: ['augment.preset=icon', 'augment.scale=0.2,1'] })).toThrow(/augment\.scale/);
  });

  it('lengths are in epochs or in updates, warm-up a tenth at most', () => {
    expect(pretrain({ epochs: 10 })).toMatchObject({ steps: 300, warmupSteps: 30, checkpointEvery: 30 });
    expect(pretrain({ set: ['epochs=10', 'warmupEpochs=0'] })).toMatchObject({ steps: 300, warmupSteps: 0 });
    expect(pretrain({ steps: 40 })).toMatchObject({ steps: 40, warmupSteps: 4 });
    expect(pretrain({ warmup: 7, checkpointEvery: 5 })).toMatchObject({ warmupSteps: 7, checkpointEvery: 5 });
    expect(() => pretrain({ steps: 40, set: ['warmupEpochs=1'] })).toThrow(
      /--set warmupEpochs is for trainings in epochs, this one counts 40 updates/,
    );
    const general = withFlags(GENERAL_RECIPE.pretrain, { epochs: 2 });
    expect(inUpdates(general, 1000)).toMatchObject({ steps: 14, warmupSteps: 1, checkpointEvery: 100 });
    const rhythm = withFlags(GENERAL_RECIPE.pretrain, { epochs: 2, checkpointEpochs: 1, evaluateEpochs: 0 });
    expect(inUpdates(rhythm, 1000)).toMatchObject({ steps: 14, checkpointEvery: 7, evaluateEvery: 0 });
    expect(inUpdates(withFlags(GENERAL_RECIPE.pretrain, {}), 1000)).toMatchObject(GENERAL_RECIPE.pretrain);
  });

  it('and an option may say the same of one setting, not different things', () => {
    const both = (command: 'pretrain' | 'anchors' | 'finetune', flags: object, ...set: string[]) =>
      withSet({ ...flags, set }, command);
    expect(both('pretrain', { steps: 2 }, 'steps=2')).toEqual({ steps: 2 });
    expect(() => both('pretrain', { steps: 2 }, 'steps=1')).toThrow(
      expect.objectContaining({
        code: 'ERR_USAGE',
        message: '--set steps=1 and --steps 2 say different things of one setting; expected one of them',
      }),
    );
    expect(() => both('pretrain', { lr: 0.5 }, 'learningRate=0.25')).toThrow(/learningRate=0\.25 and --lr 0\.5 say/);
    expect(() => both('pretrain', { microBatch: 8 }, 'microBatch=none')).toThrow(/=none and --micro-batch 8 say/);
    expect(() => both('pretrain', { augment: 'none' }, 'augment.preset=icon')).toThrow(/and --augment none say/);
    expect(() => both('finetune', { mixup: true }, 'mixup=false')).toThrow(/mixup=false and --mixup say/);
    expect(() => both('anchors', { authorsText: false }, 'authorsText=true')).toThrow(/and --no-authors-text say/);
    const view = both('pretrain', { augment: 'imagenet' }, 'augment.flip=0.5', 'augment.erase=0');
    expect(view).toEqual({ augment: 'imagenet', view: { flip: 0.5, erase: 0 } });
  });

  it.each([
    ['learnigRate=1', /--set learnigRate: pretrain has no such setting; did you mean learningRate/],
    ['lr=1', /pretrain has no such setting; did you mean learningRate\?/],
    ['min-lr=1', /pretrain has no such setting; did you mean minLearningRate\?/],
    ['mixup=true', /pretrain has no such setting; expected one of steps, epochs, batch, /],
    ['batch', /--set batch has no value; expected batch=VALUE/],
    ['batch=0', /--set batch=0: expected an integer ≥ 1/],
    ['decayScalars=yes', /expected true or false/],
    ['schedule=linear', /expected cosine, epoch-cosine/],
    ['augment.scale=1,0.2', /expected LOW,HIGH/],
    ['augment.scale=0.2,1.5', /expected LOW,HIGH, at most 1/],
  ])('%s is refused', (text, message) => {
    expect(() => withSet({ set: [text] }, 'pretrain')).toThrow(message);
    expect(() => withSet({ set: ['steps=3', 'epochs=3'] }, 'pretrain')).toThrow(/steps and epochs are both given/);
  });
});
