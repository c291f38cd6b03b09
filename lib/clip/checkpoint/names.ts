import type { Placement } from '../../files/tensorSource.js';
import { rowMajor } from '../../files/tensorSource.js';
import { TO_FILE } from '../layout.js';
import type { ParameterSpec } from '../parameters.js';

/** How a checkpoint names its tensors: as OpenAI's code does (OpenCLIP, the authors), or as Hugging Face's. */
export type Dialect = 'openai' | 'hugging-face';

/** A tensor of a checkpoint that is a parameter of a model, or a part of one. */
export interface Piece extends Placement {
  name: string;
  /** Expected in the file. */
  shape: number[];
}

/** Tensors beside the weights that a checkpoint may hold and no model needs: counters, indices, masks, sizes. */
const BESIDE =
  /(^|\.)(num_batches_tracked|position_ids|attn_mask|input_resolution|context_length|vocab_size|image_resolution)$/;

export const isBeside = (name: string): boolean => BESIDE.test(name);

/** What wrapping a model puts before the names of all its tensors. */
const PREFIXES = ['module.', '_orig_mod.', 'model.', 'clip.', 'clip_model.'];

/**
 * Names as a model knows them -> names in the file: without what a wrapper put before all of them, and with the text
 * tower at the root as OpenAI has it (OpenCLIP's later models keep it under `text.`).
 */
export function plainNames(names: Iterable<string>): Map<string, string> {
  let plain = new Map([...names].map((name) => [name, name]));
  for (let depth = 0; depth < 8; depth++) {
    const prefix = PREFIXES.find((p) => plain.size > 0 && [...plain.keys()].every((name) => name.startsWith(p)));
    if (prefix === undefined) break;
    plain = new Map([...plain].map(([name, own]) => [name.slice(prefix.length), own]));
  }
  if (![...plain.keys()].some((name) => name.startsWith('text.transformer.'))) return plain;
  return new Map([...plain].map(([name, own]) => [name.replace(/^text\./, ''), own]));
}

export const dialectOf = (names: Iterable<string>): Dialect =>
  [...names].some((name) => /^(text|vision)_model\./.test(name)) ? 'hugging-face' : 'openai';

/** The tensors of a checkpoint that make a parameter, and where their elements go in memory. */
export function piecesOf(spec: ParameterSpec, dialect: Dialect): Piece[] {
  return dialect === 'openai' ? [piece(spec, spec.name)] : huggingFacePieces(spec);
}

/** A parameter that is one tensor in PyTorch's layout. */
function piece({ shape, layout }: ParameterSpec, name: string): Piece {
  const memory = rowMajor(shape);
  const order = TO_FILE[layout] ?? [...shape.keys()];
  return {
    name,
    shape: order.map((axis) => shape[axis]!),
    offset: 0,
    strides: order.map((axis) => memory[axis]!),
  };
}

const HUGGING_FACE: Record<string, string> = {
  'visual.class_embedding': 'vision_model.embeddings.class_embedding',
  'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
  'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight',
  'visual.ln_pre': 'vision_model.pre_layrnorm', // spelt so
  'visual.ln_post': 'vision_model.post_layernorm',
  'visual.transformer.resblocks': 'vision_model.encoder.layers',
  'visual.proj': 'visual_projection.weight',
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  'transformer.resblocks': 'text_model.encoder.layers',
  ln_final: 'text_model.final_layer_norm',
  text_projection: 'text_projection.weight',
  logit_scale: 'logit_scale',
};

const HUGGING_FACE_BLOCK: Record<string, string> = {
  'attn.out_proj': 'self_attn.out_proj',
  ln_1: 'layer_norm1',
  ln_2: 'layer_norm2',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};

function huggingFacePieces(spec: ParameterSpec): Piece[] {
  const { name, shape } = spec;
  const whole = HUGGING_FACE[name];
  // Projections are modules there, and so the other way round.
  if (name === 'visual.proj' || name === 'text_projection') {
    const [width, dim] = shape as [number, number];
    return [{ name: whole!, shape: [dim, width], offset: 0, strides: [1, dim] }];
  }
  if (whole !== undefined) return [piece(spec, whole)];
  const [, trunk, layer, part, kind] = /^(.*\.resblocks)\.(\d+)\.(.*)[._](weight|bias)$/.exec(name) ?? [];
  if (part === undefined)
    return [
      piece(
        spec,
        name.replace(/^(.*)\.(weight|bias)$/, (_, p, k) => `${HUGGING_FACE[p]}.${k}`),
      ),
    ];
  const block = `${HUGGING_FACE[trunk!]}.${layer}`;
  if (part !== 'attn.in_proj') return [piece(spec, `${block}.${HUGGING_FACE_BLOCK[part]}.${kind}`)];
  // Query, key and value are one map in memory, [width, 3·width] and [3·width].
  return ['q', 'k', 'v'].map((letter, third) => {
    const width = shape.at(-1)! / 3;
    const own = `${block}.self_attn.${letter}_proj.${kind}`;
    return kind === 'bias'
      ? { name: own, shape: [width], offset: third * width, strides: [1] }
      : { name: own, shape: [width, width], offset: third * width, strides: [1, 3 * width] };
  });
}
