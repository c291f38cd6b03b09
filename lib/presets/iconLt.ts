import type { ClipConfig } from '../clip/config.js';
import type { ContrastiveOptions } from '../stages/options.js';
import type { AugmentOptions } from '../training/augment.js';

/** Views of an icon: small affine changes and inversion, never mirrored (arrows have a direction). */
export const ICON_VIEW: AugmentOptions = { preset: 'icon' };

/** The small CLIP that plays CLIP's role for Icon-LT; `vocabulary` comes from its captions. */
export function teacherConfig(vocabulary: number[]): ClipConfig {
  return {
    embedDim: 128,
    visual: { kind: 'resnet', layers: [1, 1, 1], width: 16, stemPool: false, imageSize: 32 },
    text: { contextLength: 16, vocabSize: 49408, width: 128, heads: 4, layers: 2, vocabulary },
  };
}

/** Rows of the small CLIP's token embedding: with them the weights stay below 4 MB in half precision. */
export const TEACHER_VOCABULARY = { minCount: 2, limit: 6000 };

export const TEACHER_OPTIONS: ContrastiveOptions = {
  steps: 7000,
  batch: 256,
  learningRate: 2e-3,
  warmupSteps: 300,
  minLearningRate: 0,
  weightDecay: 0.05,
  clipNorm: 1,
  sampler: 'uniform',
  augment: ICON_VIEW,
  batchNorm: 'train',
  smoothing: 0,
  checkpointEvery: 250,
  evaluateEvery: 500,
};
