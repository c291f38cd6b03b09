import { ANCHORS, BATCH_STATISTICS, DIFFERS, FINETUNE, headRates, MICRO, PRETRAIN, RN50, VIT_B_16 } from './shared.js';
import type { Difference, PaperPreset } from './types.js';

const data = { format: 'inaturalist-2018', authorsText: true, shots: 'authors' } as const;

/** Stage 1 is twice as long, at ten times the rate, and updates batch norm. */
const STAGE1 = { ...PRETRAIN, epochs: 100, evaluateEpochs: 20, minLearningRate: 1e-5, batchNorm: 'train' } as const;

/** Stage 2 trains the encoder too, at the head's rate; its batch norm stays as stage 1 left it. */
const STAGE2 = { ...FINETUNE, epochs: 360, evaluateEpochs: 20, encoderRate: 1, detachNorm: true, ...headRates(2e-5) };

/** The validation split is the test here: it must not score sentences. */
const anchors = { ...ANCHORS, split: 'train' } as const;

const SENTENCES: Difference = {
  key: 'anchors.split',
  released: 'sentences scored by the augmented, re-weighted training stream',
  reason: 'by clean views of at most 50 training pictures a class, the same in every run',
};

const LARGER: Difference = {
  key: 'resolution',
  released: 'the paper reports 384 pixels (81.0 %), no configuration of that run was released',
  reason:
    'the settings of the 224-pixel run in both stages; --resolution 224 in stage 1 and 384 in stage 2 for the latter alone',
};

const RESNET: PaperPreset = {
  name: 'inaturalist-2018-r50',
  title: 'iNaturalist 2018, ResNet-50',
  data,
  weights: RN50,
  resolution: 224,
  pretrain: { ...STAGE1, batch: 2048, microBatch: MICRO.resnet, learningRate: 5e-4 },
  anchors,
  finetune: { ...STAGE2, microBatch: MICRO.resnet },
  alpha: 0.7,
  top1: 74.6,
  differs: [...DIFFERS, BATCH_STATISTICS, SENTENCES],
};

const VIT: PaperPreset = {
  name: 'inaturalist-2018-vit-b16',
  title: 'iNaturalist 2018, ViT-B/16',
  data,
  weights: VIT_B_16,
  resolution: 224,
  pretrain: { ...STAGE1, batch: 1024, microBatch: MICRO.vit, learningRate: 3.5e-4 },
  anchors,
  finetune: { ...STAGE2, microBatch: MICRO.vit },
  alpha: 0.7,
  top1: 76.8,
  differs: [...DIFFERS, SENTENCES],
};

const VIT_384: PaperPreset = {
  ...VIT,
  name: 'inaturalist-2018-vit-b16-384',
  title: 'iNaturalist 2018, ViT-B/16 at 384 pixels',
  resolution: 384,
  pretrain: { ...VIT.pretrain, microBatch: MICRO.vit384 },
  finetune: { ...VIT.finetune, microBatch: MICRO.vit384 },
  top1: 81.0,
  differs: [...VIT.differs, LARGER],
};

/** iNaturalist 2018: 8,142 classes, 437,513 training pictures. */
export const INATURALIST: readonly PaperPreset[] = [RESNET, VIT, VIT_384];
