import type { Recipe } from '../stages/comparison.js';

/** CLIP's treatment of its temperature. */
export const LOGIT_SCALE = { decayScalars: false, freeLogitScale: false };

/** What the stages share on a user's own photographs: the paper's sampler, decay, smoothing and training transform. */
const COMMON = {
  minLearningRate: 0,
  schedule: 'cosine',
  weightDecay: 0.05,
  clipNorm: 1,
  sampler: 'sqrt',
  augment: { preset: 'imagenet' },
  decode: 'fast',
  batchNorm: 'eval',
  smoothing: 0.1,
  checkpointEvery: 100,
  evaluateEvery: 200,
} as const;

/**
 * Defaults for a user's own pictures, which continue from a trained CLIP: small learning rates for what is trained
 * already, batch norm's statistics left as they are, the paper's 64 anchors a class. The baseline sees as many image
 * views as both stages together.
 */
export const GENERAL_RECIPE: Recipe = {
  pretrain: {
    ...COMMON,
    steps: 600,
    batch: 128,
    learningRate: 2e-4,
    warmupSteps: 60,
    distillWeight: 0.5,
    ...LOGIT_SCALE,
  },
  anchors: { anchors: 64, choice: 'anss', imagesPerClass: 50, split: 'train' },
  finetune: {
    ...COMMON,
    steps: 1200,
    batch: 128,
    learningRate: 1e-3,
    warmupSteps: 60,
    balanced: false,
    encoderRate: 0.1,
    attentionRate: 0.1,
    detachNorm: false,
    mixup: false,
  },
  baseline: {
    ...COMMON,
    steps: 1800,
    batch: 128,
    learningRate: 1e-3,
    warmupSteps: 90,
    balanced: false,
    encoderRate: 0.1,
    mixup: false,
    head: 'linear',
  },
};
