import { type ClipConfig, clipConfig } from '../../lib/clip/config.js';

/** A model and a batch that a training step is measured on. */
export interface Row {
  name: string;
  config: ClipConfig;
  batch: number;
  /** Steps measured in one turn. */
  steps: number;
}

// Only the visual encoder is trained; the text side is as small as can be.
const text: ClipConfig['text'] = { contextLength: 4, vocabSize: 4, width: 8, heads: 1, layers: 1 };

export const ROWS: Row[] = [
  {
    name: 'resnet-small',
    config: {
      embedDim: 128,
      visual: { kind: 'resnet', layers: [1, 1, 1], width: 16, imageSize: 32, stemPool: false },
      text,
    },
    batch: 128,
    steps: 5,
  },
  {
    name: 'vit-small',
    config: {
      embedDim: 128,
      visual: { kind: 'vit', layers: 4, width: 128, heads: 4, patchSize: 4, imageSize: 32 },
      text,
    },
    batch: 128,
    steps: 5,
  },
  { name: 'rn50', config: { ...clipConfig('RN50'), text }, batch: 8, steps: 2 },
];
