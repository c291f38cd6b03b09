import { ANCHORS, DIFFERS, FINETUNE, headRates, MICRO, PRETRAIN, RN50, VIT_B_16 } from './shared.js';
import type { PaperPreset } from './types.js';

const data = { format: 'imagenet-lt', authorsText: true, shots: 'authors' } as const;

/** ImageNet-LT: 1,000 classes, 115,846 training pictures. */
export const IMAGENET_LT: readonly PaperPreset[] = [
  {
    name: 'imagenet-lt-r50',
    title: 'ImageNet-LT, ResNet-50',
    data,
    weights: RN50,
    resolution: 224,
    pretrain: { ...PRETRAIN, batch: 2048, microBatch: MICRO.resnet, learningRate: 5e-5 },
    anchors: ANCHORS,
    finetune: { ...FINETUNE, microBatch: MICRO.resnet, ...headRates(1e-3) },
    alpha: 0.2,
    top1: 70.1,
    differs: DIFFERS,
  },
  {
    name: 'imagenet-lt-vit-b16',
    title: 'ImageNet-LT, ViT-B/16',
    data,
    weights: VIT_B_16,
    resolution: 224,
    pretrain: { ...PRETRAIN, batch: 1024, microBatch: MICRO.vit, learningRate: 3.5e-5 },
    anchors: ANCHORS,
    finetune: { ...FINETUNE, microBatch: MICRO.vit, ...headRates(1e-3) },
    alpha: 0.2,
    top1: 77.2,
    differs: DIFFERS,
  },
];
