import type { InEpochs } from '../../stages/epochs.js';
import type { AnchorOptions, FinetuneOptions, PretrainOptions } from '../../stages/options.js';
import type { Difference, Weights } from './types.js';

/** What all released runs share: the authors' configurations, and their code's defaults where those say nothing. */
const COMMON = {
  schedule: 'epoch-cosine',
  minLearningRate: 0,
  weightDecay: 0.05,
  sampler: 'sqrt',
  augment: { preset: 'imagenet' },
  decode: 'fast',
  smoothing: 0.1,
  batchNorm: 'eval',
  checkpointEpochs: 1,
} as const;

/** Stage 1 but for batch, rate and length. Its logit scale decays and is unbounded, as in the authors' code. */
export const PRETRAIN = {
  ...COMMON,
  epochs: 50,
  warmupEpochs: 5,
  // The whole corpus is encoded at every measurement: it costs as much as an epoch or more.
  evaluateEpochs: 10,
  distillWeight: 0.5,
  decayScalars: true,
  freeLogitScale: true,
} as const satisfies Partial<InEpochs<PretrainOptions>>;

/** Stage 2 of ImageNet-LT and Places-LT but for rates: the encoder frozen, 128 pictures on each of 8 devices. */
export const FINETUNE = {
  ...COMMON,
  epochs: 50,
  warmupEpochs: 0,
  evaluateEpochs: 5,
  batch: 1024,
  balanced: false,
  encoderRate: 0,
  detachNorm: false,
  mixup: true,
} as const satisfies Partial<InEpochs<FinetuneOptions>>;

/** The attention trains at 1e-6 whatever the head's rate (the authors' "text lr"). */
export const headRates = (learningRate: number) => ({ learningRate, attentionRate: 1e-6 / learningRate });

/** Sentences scored by the validation split, which has 20 pictures of every class. */
export const ANCHORS: AnchorOptions = { anchors: 64, choice: 'anss', imagesPerClass: 50, split: 'val' };

const source = (sha256: string, file: string) => ({
  file,
  sha256,
  source: `https://openaipublic.azureedge.net/clip/models/${sha256}/${file}`,
});

export const RN50: Weights = {
  architecture: 'RN50',
  ...source('afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762', 'RN50.pt'),
};

export const VIT_B_16: Weights = {
  architecture: 'ViT-B/16',
  ...source('5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f', 'ViT-B-16.pt'),
};

/**
 * Pictures a device holds at a time, so that a training fits 24 GB (`vl-ltr pretrain --dry-run` shows the sum): ResNet-50,
 * ViT-B/16 at 224 and at 384 pixels. The batch is that of the authors' eight devices whatever it is.
 */
export const MICRO = { resnet: 32, vit: 32, vit384: 8 } as const;

/** What every preset does otherwise than the authors' code. */
export const DIFFERS: readonly Difference[] = [
  {
    key: 'sampler',
    released: 'the draw of an epoch is dealt to eight devices, equal draws in every epoch on one device',
    reason: 'drawn anew for every update: with one device theirs would train on one draw of the pictures',
  },
  {
    key: 'decode',
    released: 'every picture decoded whole',
    reason:
      'a JPEG shrunk by 2, 4 or 8 as it is decoded where the crop keeps the size of the view; --decode exact for theirs',
  },
  {
    key: 'precision',
    released: 'mixed, 16-bit floats with a scaled loss',
    reason: 'float32; --precision bf16 where 16 bits are wanted',
  },
  {
    key: 'microBatch',
    released: 'eight devices, a part of the batch on each',
    reason: 'one device goes through the batch in parts, with the gradient of the whole',
  },
  {
    key: 'shots',
    released: 'accuracy by shot group from z^I + z^T',
    reason: 'from the same mixture of both softmaxes as the accuracy over all',
  },
];

export const BATCH_STATISTICS: Difference = {
  key: 'batchNorm',
  released: 'statistics of the 256 pictures of a device',
  reason: 'statistics of the pictures of a micro-batch; --micro-batch 256 for theirs, where there is memory for it',
};
