import { check } from '../../errors.js';
import type { ClipConfig, ResNetConfig, TextConfig, VitConfig } from '../config.js';
import type { BesideConfig, TowerFacts } from './beside.js';
import type { Dialect } from './names.js';

/** Shape of a tensor by its plain name, if the checkpoint has it. */
export type ShapeOf = (name: string) => readonly number[] | undefined;

/** What an architecture is read from. */
export interface Evidence {
  /** Names the checkpoint in errors. */
  path: string;
  /** Plain names of its tensors. */
  names: readonly string[];
  shapeOf: ShapeOf;
  beside?: BesideConfig;
}

/** Channels of a head where nothing says otherwise, as in all of OpenAI's models. */
const HEAD = 64;
/** The text tower of OpenAI's smaller models: what a file without text encoder is taken to go with. */
const TEXT: TextConfig = { contextLength: 77, vocabSize: 49408, width: 512, heads: 8, layers: 12 };

/**
 * The architecture that a checkpoint's names and shapes tell, as OpenAI's `build_model` reads them, and what a
 * configuration beside it adds. @throws VlltrError ERR_CHECKPOINT naming a tensor that is missing or of no such model
 */
export function architecture(evidence: Evidence, dialect: Dialect): ClipConfig {
  if (dialect === 'hugging-face') return huggingFace(evidence);
  const text = openaiText(evidence);
  return { embedDim: size(evidence, 'text_projection', 2, 1), visual: openaiVisual(evidence), text };
}

/** The same for a file that holds a visual encoder alone. */
export function visualArchitecture(evidence: Evidence): ClipConfig {
  const visual = openaiVisual(evidence);
  const embedDim =
    visual.kind === 'vit' ? size(evidence, 'visual.proj', 2, 1) : size(evidence, 'visual.attnpool.c_proj.weight', 2, 0);
  return { embedDim, visual, text: { ...TEXT } };
}

/** One length of a tensor that must have so many axes. */
function size({ path, shapeOf }: Evidence, name: string, axes: number, axis: number): number {
  const shape = shapeOf(name);
  check(shape, 'ERR_CHECKPOINT', () => `${path} has no ${name}; expected the tensors of a CLIP model`);
  check(shape.length === axes && shape.every((n) => n > 0), 'ERR_CHECKPOINT', () => {
    return `${path}: ${name} is [${shape}]; expected ${axes} axes, none of them empty`;
  });
  return shape[axis]!;
}

/** How many numbered parts follow a prefix: `prefix.0.…`, `prefix.1.…` */
function parts({ names, path }: Evidence, prefix: string): number {
  const numbers = new Set<number>();
  for (const name of names) {
    if (!name.startsWith(`${prefix}.`)) continue;
    const number = /^\d{1,4}(?=\.)/.exec(name.slice(prefix.length + 1));
    if (number) numbers.add(Number(number[0]));
  }
  check(numbers.size > 0, 'ERR_CHECKPOINT', () => `${path} has no ${prefix}.0; expected the tensors of a CLIP model`);
  return numbers.size;
}

/** Side of the square that positions cover, beside the first one. */
function grid(evidence: Evidence, name: string): number {
  const rows = size(evidence, name, 2, 0);
  const side = Math.round(Math.sqrt(rows - 1));
  check(side > 0 && side * side === rows - 1, 'ERR_CHECKPOINT', () => {
    return `${evidence.path}: ${name} has ${rows} rows; expected 1 + a square number`;
  });
  return side;
}

const activationOf = ({ activation }: TowerFacts = {}) => (activation === 'gelu' ? { activation } : {});

const headsOf = (width: number, { heads }: TowerFacts = {}): number => heads ?? Math.max(1, Math.floor(width / HEAD));

function openaiVisual(evidence: Evidence): ResNetConfig | VitConfig {
  const { beside, shapeOf } = evidence;
  if (shapeOf('visual.proj')) {
    const width = size(evidence, 'visual.conv1.weight', 4, 0);
    const patchSize = size(evidence, 'visual.conv1.weight', 4, 3);
    return {
      kind: 'vit',
      layers: parts(evidence, 'visual.transformer.resblocks'),
      width,
      heads: headsOf(width, beside?.visual),
      patchSize,
      imageSize: patchSize * grid(evidence, 'visual.positional_embedding'),
      ...activationOf(beside?.visual),
    };
  }
  const layers = [parts(evidence, 'visual.layer1')];
  while (shapeOf(`visual.layer${layers.length + 1}.0.conv1.weight`)) {
    layers.push(parts(evidence, `visual.layer${layers.length + 1}`));
  }
  return {
    kind: 'resnet',
    layers,
    width: size(evidence, 'visual.layer1.0.conv1.weight', 4, 0),
    // The stem divides by four, every layer but the first by two.
    imageSize: grid(evidence, 'visual.attnpool.positional_embedding') * 2 ** (layers.length + 1),
  };
}

function openaiText(evidence: Evidence): TextConfig {
  const width = size(evidence, 'ln_final.weight', 1, 0);
  return {
    contextLength: size(evidence, 'positional_embedding', 2, 0),
    vocabSize: size(evidence, 'token_embedding.weight', 2, 0),
    width,
    heads: headsOf(width, evidence.beside?.text),
    layers: parts(evidence, 'transformer.resblocks'),
    ...activationOf(evidence.beside?.text),
  };
}

function huggingFace(evidence: Evidence): ClipConfig {
  const patches = 'vision_model.embeddings.patch_embedding.weight';
  const width = size(evidence, patches, 4, 0);
  const patchSize = size(evidence, patches, 4, 3);
  const textWidth = size(evidence, 'text_model.final_layer_norm.weight', 1, 0);
  const { visual, text } = evidence.beside ?? {};
  return {
    embedDim: size(evidence, 'text_projection.weight', 2, 0),
    visual: {
      kind: 'vit',
      layers: parts(evidence, 'vision_model.encoder.layers'),
      width,
      heads: headsOf(width, visual),
      patchSize,
      imageSize: patchSize * grid(evidence, 'vision_model.embeddings.position_embedding.weight'),
      ...activationOf(visual),
    },
    text: {
      contextLength: size(evidence, 'text_model.embeddings.position_embedding.weight', 2, 0),
      vocabSize: size(evidence, 'text_model.embeddings.token_embedding.weight', 2, 0),
      width: textWidth,
      heads: headsOf(textWidth, text),
      layers: parts(evidence, 'text_model.encoder.layers'),
      ...activationOf(text),
    },
  };
}
