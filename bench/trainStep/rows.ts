import { END_ID, START_ID } from '../../lib/clip/bpe.js';
import { type ClipConfig, clipConfig } from '../../lib/clip/config.js';
import { ICON_RECIPE, TEACHER_VOCABULARY, teacherConfig } from '../../lib/presets/iconLt.js';
import type { Mode } from './protocol.js';

interface CommonRow {
  name: string;
  config: ClipConfig;
  batch: number;
  /** Steps measured in one turn. */
  steps: number;
  modes: Mode[];
  learningRate: number;
  weightDecay: number;
  clipNorm?: number;
}

/** An encoder; the loss is the mean square of features − target. */
export interface ImageRow extends CommonRow {
  kind: 'image';
}
export interface TextRow extends CommonRow {
  kind: 'text';
  /** Tokens of every sentence. */
  tokens: number;
}

/** Both encoders, class-wise contrastive loss and distillation from a frozen teacher's image encoder. */
export interface Stage1Row extends CommonRow {
  kind: 'stage1';
  tokens: number;
  classes: number;
  smoothing: number;
  distillWeight: number;
}

/** Image encoder and two-branch head, both trained; the loss is the sum of both branches' cross-entropies. */
export interface Stage2Row extends CommonRow {
  kind: 'stage2';
  classes: number;
  /** Anchor sentences of each class. */
  anchors: number;
  smoothing: number;
  /** Factors on the learning rate. */
  encoderRate: number;
  attentionRate: number;
}

/** A model and a batch that a training step is measured on. Batch norm is in training mode. */
export type Row = ImageRow | TextRow | Stage1Row | Stage2Row;

// The other side of an encoder's row, as small as can be.
const smallText: ClipConfig['text'] = { contextLength: 4, vocabSize: 4, width: 8, heads: 1, layers: 1 };
const smallVisual: ClipConfig['visual'] = { kind: 'vit', layers: 1, width: 8, heads: 1, patchSize: 4, imageSize: 4 };

const encoder = { modes: ['update', 'gradient'] as Mode[], learningRate: 1e-4, weightDecay: 0.05 };
const image = (name: string, config: Omit<ClipConfig, 'text'>, batch: number, steps: number): ImageRow => ({
  kind: 'image',
  name,
  config: { ...config, text: smallText },
  batch,
  steps,
  ...encoder,
});
const text = (tokens: number, steps: number): TextRow => ({
  kind: 'text',
  name: `text-${tokens}`,
  config: { ...clipConfig('ViT-B/16'), visual: smallVisual },
  batch: 64,
  tokens,
  steps,
  ...encoder,
});

const iconLt = teacherConfig(iconVocabulary());
const stage = <O extends { batch: number; weightDecay: number; clipNorm?: number; learningRate: number }>(o: O) => ({
  config: iconLt,
  classes: 300,
  modes: ['update'] as Mode[],
  batch: o.batch,
  learningRate: o.learningRate,
  weightDecay: o.weightDecay,
  clipNorm: o.clipNorm,
});
const { pretrain, anchors, finetune } = ICON_RECIPE;

export const ROWS: Row[] = [
  image('resnet-small', { embedDim: 128, visual: iconLt.visual }, 128, 5),
  image(
    'vit-small',
    { embedDim: 128, visual: { kind: 'vit', layers: 4, width: 128, heads: 4, patchSize: 4, imageSize: 32 } },
    128,
    5,
  ),
  image('rn50', clipConfig('RN50'), 8, 2),
  image('vit-b-16', clipConfig('ViT-B/16'), 8, 2),
  text(77, 1),
  text(32, 2),
  {
    ...stage(pretrain),
    kind: 'stage1',
    name: 'stage-1',
    steps: 3,
    tokens: iconLt.text.contextLength,
    smoothing: pretrain.smoothing,
    distillWeight: pretrain.distillWeight,
  },
  {
    ...stage(finetune),
    kind: 'stage2',
    name: 'stage-2',
    steps: 5,
    anchors: anchors.anchors,
    smoothing: finetune.smoothing,
    // The form that trains the encoder too (iNaturalist's): the demo's freezes it, and its losses would prove no update.
    encoderRate: 0.03,
    attentionRate: 1,
  },
];

/** As many words as the shipped teacher knows, CLIP's start and end token among them; which ones is no matter here. */
function iconVocabulary(): number[] {
  const words = Array.from({ length: TEACHER_VOCABULARY.limit - 2 }, (_, id) => id);
  return [...words, START_ID, END_ID];
}
