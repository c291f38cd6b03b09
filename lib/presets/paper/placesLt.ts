import { ANCHORS, DIFFERS, FINETUNE, headRates, MICRO, PRETRAIN, RN50, VIT_B_16 } from './shared.js';
import type { PaperPreset } from './types.js';

const data = { format: 'places-lt', authorsText: true, shots: 'authors' } as const;

/** Places-LT: 365 classes, 62,500 training pictures. */
export const PLACES_LT: readonly PaperPreset[] = [
  {
    name: 'places-lt-r50',
    title: 'Places-LT, ResNet-50',
    data,
    weights: RN50,
    resolution: 224,
    pretrain: { ...PRETRAIN, batch: 2048, microBatch: MICRO.resnet, learningRate: 5e-5 },
    anchors: ANCHORS,
    finetune: { ...FINETUNE, microBatch: MICRO.resnet, ...headRates(1e-4) },
    alpha: 0.2,
    top1: 48.0,
    differs: DIFFERS,
  },
  {
    name: 'places-lt-vit-b16',
    title: 'Places-LT, ViT-B/16',
    data,
    weights: VIT_B_16,
    resolution: 224,
    pretrain: { ...PRETRAIN, batch: 1024, microBatch: MICRO.vit, learningRate: 1e-5 },
    anchors: ANCHORS,
    finetune: { ...FINETUNE, microBatch: MICRO.vit, ...headRates(5e-5) },
    alpha: 0.2,
    top1: 50.1,
    differs: DIFFERS,
  },
];
