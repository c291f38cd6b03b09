import { check } from '../errors.js';

/** CLIP's "ModifiedResNet": three-convolution stem, bottleneck layers with average-pool strides, attention pooling. */
export interface ResNetConfig {
  kind: 'resnet';
  /** Blocks in each layer; any number of layers >= 1 (CLIP's: 4). The first keeps the resolution, each other halves it. */
  layers: number[];
  /** Channels after the stem, even; layer i works at width * 2^i and gives four times that. */
  width: number;
  /** The stem's 2x2 average pool; `false` leaves it out, for small pictures. Default `true`. */
  stemPool?: boolean;
  /** Height and width of a picture, in pixels. */
  imageSize: number;
}

/** Activation of a transformer's MLPs: OpenAI's x sigmoid(1.702 x), or GELU itself (most of OpenCLIP's models). */
export type Activation = 'quick_gelu' | 'gelu';

/** CLIP's Vision Transformer. */
export interface VitConfig {
  kind: 'vit';
  layers: number;
  width: number;
  heads: number;
  /** Default `quick_gelu`. */
  activation?: Activation;
  patchSize: number;
  /** Height and width of a picture, in pixels. */
  imageSize: number;
}

/** CLIP's text transformer. */
export interface TextConfig {
  /** Tokens a sentence may have, start and end included. */
  contextLength: number;
  /** Size of the tokenizer's vocabulary (CLIP's: 49,408). */
  vocabSize: number;
  width: number;
  heads: number;
  layers: number;
  /** Default `quick_gelu`. */
  activation?: Activation;
  /**
   * Tokenizer ids that have a row of their own in a compact embedding: row = index in this list, and one extra last
   * row stands for every other id. Left out: one row for each id.
   */
  vocabulary?: number[];
}

/** A CLIP model's architecture. */
export interface ClipConfig {
  /** D: size of the common embedding. */
  embedDim: number;
  visual: ResNetConfig | VitConfig;
  text: TextConfig;
}

/** The official architectures that the paper uses. */
export const CLIP_CONFIGS = {
  RN50: {
    embedDim: 1024,
    visual: { kind: 'resnet', layers: [3, 4, 6, 3], width: 64, imageSize: 224 },
    text: { contextLength: 77, vocabSize: 49408, width: 512, heads: 8, layers: 12 },
  },
  'ViT-B/16': {
    embedDim: 512,
    visual: { kind: 'vit', layers: 12, width: 768, heads: 12, patchSize: 16, imageSize: 224 },
    text: { contextLength: 77, vocabSize: 49408, width: 512, heads: 8, layers: 12 },
  },
} as const satisfies Record<string, DeepReadonly<ClipConfig>>;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** A fresh, editable copy of a named configuration. */
export function clipConfig(name: keyof typeof CLIP_CONFIGS): ClipConfig {
  check(Object.hasOwn(CLIP_CONFIGS, name), 'ERR_ARGUMENT', () => {
    return `no CLIP configuration is named ${JSON.stringify(name)}; known: ${Object.keys(CLIP_CONFIGS).join(', ')}`;
  });
  return structuredClone(CLIP_CONFIGS[name]) as unknown as ClipConfig;
}

/** Sizes of a resnet that follow from its configuration. */
export interface ResNetSizes {
  /** Channels after the last layer: width * 4 * 2^(layers - 1), CLIP's width * 32. */
  features: number;
  /** Heads of the attention pooling: of 64 channels each, as in CLIP (width * 32 / 64); one head where there are fewer. */
  heads: number;
  /** Height and width of the last feature map. */
  grid: number;
}

export function resnetSizes(visual: ResNetConfig): ResNetSizes {
  const features = visual.width * 4 * 2 ** (visual.layers.length - 1);
  let grid = Math.floor((visual.imageSize - 1) / 2) + 1;
  if (visual.stemPool ?? true) grid = Math.floor(grid / 2);
  for (let i = 1; i < visual.layers.length; i++) grid = Math.floor(grid / 2);
  return { features, heads: Math.max(1, Math.floor(features / 64)), grid };
}

/** Patches along one side of a picture. */
export const vitGrid = (visual: VitConfig): number => Math.floor(visual.imageSize / visual.patchSize);

/** Rows of the token embedding. */
export const embeddingRows = (text: TextConfig): number =>
  text.vocabulary ? text.vocabulary.length + 1 : text.vocabSize;

/** Checks a configuration. @throws VlltrError ERR_ARGUMENT naming the field, its value and what was expected */
export function checkClipConfig(config: ClipConfig): void {
  const object = (name: string, value: unknown): void =>
    check(typeof value === 'object' && value !== null, 'ERR_ARGUMENT', () => {
      return `${name} is ${value === null ? 'null' : typeof value}, expected an object (see ClipConfig)`;
    });
  const positive = (name: string, value: unknown): void =>
    check(Number.isSafeInteger(value) && (value as number) > 0, 'ERR_ARGUMENT', () => {
      return `clip config: ${name} is ${String(value)}, expected a positive integer`;
    });
  const divides = (name: string, width: number, heads: number): void =>
    check(width % heads === 0, 'ERR_ARGUMENT', () => {
      return `clip config: ${name}.width is ${width}, expected a multiple of its ${heads} heads`;
    });
  const activation = (name: string, value: unknown): void =>
    check(value === undefined || value === 'quick_gelu' || value === 'gelu', 'ERR_ARGUMENT', () => {
      return `clip config: ${name}.activation is ${JSON.stringify(value)}, expected "quick_gelu" or "gelu"`;
    });
  object('clip config', config);
  const { visual, text } = config;
  object('clip config: visual', visual);
  object('clip config: text', text);
  positive('embedDim', config.embedDim);
  positive('visual.imageSize', visual.imageSize);
  positive('visual.width', visual.width);
  if (visual.kind === 'resnet') {
    check(Array.isArray(visual.layers) && visual.layers.length > 0, 'ERR_ARGUMENT', () => {
      return `clip config: visual.layers is ${JSON.stringify(visual.layers)}, expected one block count a layer`;
    });
    visual.layers.forEach((blocks, i) => {
      positive(`visual.layers[${i}]`, blocks);
    });
    check(visual.width % 2 === 0, 'ERR_ARGUMENT', () => {
      return `clip config: visual.width is ${visual.width}, expected an even number (the stem starts at half of it)`;
    });
    const { features, heads, grid } = resnetSizes(visual);
    divides('visual (last layer)', features, heads);
    check(grid > 0, 'ERR_ARGUMENT', () => {
      return `clip config: visual.imageSize ${visual.imageSize} leaves no pixel after ${visual.layers.length} layers`;
    });
  } else {
    check(visual.kind === 'vit', 'ERR_ARGUMENT', () => {
      const kind = JSON.stringify((visual as { kind?: unknown }).kind);
      return `clip config: visual.kind is ${kind}, expected "resnet" or "vit"`;
    });
    for (const name of ['layers', 'heads', 'patchSize'] as const) positive(`visual.${name}`, visual[name]);
    divides('visual', visual.width, visual.heads);
    activation('visual', visual.activation);
    check(vitGrid(visual) > 0, 'ERR_ARGUMENT', () => {
      return `clip config: visual.patchSize ${visual.patchSize} exceeds visual.imageSize ${visual.imageSize}`;
    });
  }
  for (const name of ['contextLength', 'vocabSize', 'width', 'heads', 'layers'] as const) {
    positive(`text.${name}`, text[name]);
  }
  divides('text', text.width, text.heads);
  activation('text', text.activation);
  if (text.vocabulary !== undefined) {
    check(Array.isArray(text.vocabulary), 'ERR_ARGUMENT', () => {
      return `clip config: text.vocabulary is ${typeof text.vocabulary}, expected an array of token ids`;
    });
    const inside = text.vocabulary.every((id) => Number.isInteger(id) && id >= 0 && id < text.vocabSize);
    const distinct = new Set(text.vocabulary).size === text.vocabulary.length;
    check(inside && distinct, 'ERR_ARGUMENT', () => {
      return `clip config: text.vocabulary must hold distinct integers from 0 to ${text.vocabSize - 1}`;
    });
  }
}
