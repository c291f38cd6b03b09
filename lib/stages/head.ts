import { check } from '../errors.js';
import { type AnchorTable, anchorAttention } from '../ops/anchorAttention.js';
import { random } from '../random.js';
import { type TensorMap, tf } from '../runtime/tf.js';

/** Anchor sentences of every class: their embeddings (frozen, not normalised), padded to M rows a class. */
export interface Anchors {
  /** [C, M, D]; rows from counts[c] on are padding. */
  embeddings: tf.Tensor3D;
  /** Valid anchors of each class, length C. */
  counts: number[];
  /** sentences[c][m] is the text of anchor m. */
  sentences: string[][];
}

const MLP_WIDTH = 4;
const INITIAL_DEVIATION = 0.02;

/** Truncated normal (±2σ) values, as the paper's code initialises the MLP. */
function truncatedNormal(shape: [number, number], seed: number, stream: string): tf.Tensor2D {
  const draw = random(seed, stream, 0);
  const values = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < values.length; i++) {
    let z = draw.normal();
    while (Math.abs(z) > 2) z = draw.normal();
    values[i] = INITIAL_DEVIATION * z;
  }
  return tf.tensor2d(values, shape);
}

function mlp(prefix: string, dim: number, classes: number, seed: number): TensorMap {
  return {
    [`${prefix}.0.weight`]: truncatedNormal([dim, MLP_WIDTH * dim], seed, `${prefix}.0`),
    [`${prefix}.0.bias`]: tf.zeros([MLP_WIDTH * dim]),
    [`${prefix}.2.weight`]: truncatedNormal([MLP_WIDTH * dim, classes], seed, `${prefix}.2`),
    [`${prefix}.2.bias`]: tf.zeros([classes]),
  };
}

function applyMlp(params: TensorMap, prefix: string, x: tf.Tensor2D): tf.Tensor2D {
  const p = (name: string): tf.Tensor2D => params[`${prefix}.${name}`] as tf.Tensor2D;
  const hidden = tf.relu(tf.add(tf.matMul(x, p('0.weight')), p('0.bias')));
  return tf.add(tf.matMul(hidden, p('2.weight')), p('2.bias'));
}

/**
 * Parameters of the two-branch LGR head (paper, section 3.3) under the names of the authors' checkpoints:
 * the visual MLP D → 4D → C, and the attention's layer norms and projections, both projections the identity.
 */
export function createLgrHead(dim: number, classes: number, seed: number): TensorMap {
  const norm = (name: string): TensorMap => ({
    [`text_block.attn.${name}.weight`]: tf.ones([dim]),
    [`text_block.attn.${name}.bias`]: tf.zeros([dim]),
  });
  return {
    ...norm('norm1q'),
    ...norm('norm1k'),
    'text_block.attn.wq.weight': tf.eye(dim),
    'text_block.attn.wk.weight': tf.eye(dim),
    ...mlp('text_block.visual_fc', dim, classes, seed),
  };
}

/** Attention weights and norms train at their own, smaller rate (the authors' "text lr"). */
export function isAttentionParameter(name: string): boolean {
  return name.startsWith('text_block.attn.');
}

/** Parameters that belong to a head rather than to the encoder. */
export function isHeadParameter(name: string): boolean {
  return name.startsWith('text_block.') || name.startsWith('fc.');
}

/** Anchors as the ops take them: plain, or a table made of them once. */
export type AnchorInput = Pick<Anchors, 'embeddings' | 'counts'> | AnchorTable;

/** The head's parameters as the arguments of `anchorAttention`. */
export function anchorArguments(params: TensorMap, x: tf.Tensor2D, anchors: AnchorInput) {
  const p = (name: string): tf.Tensor => params[`text_block.attn.${name}`]!;
  return {
    x,
    ...('embeddings' in anchors ? { anchors: anchors.embeddings, counts: anchors.counts } : { anchors }),
    wq: p('wq.weight') as tf.Tensor2D,
    wk: p('wk.weight') as tf.Tensor2D,
    lnq: { gamma: p('norm1q.weight') as tf.Tensor1D, beta: p('norm1q.bias') as tf.Tensor1D },
    lnk: { gamma: p('norm1k.weight') as tf.Tensor1D, beta: p('norm1k.bias') as tf.Tensor1D },
  };
}

/**
 * Logits of both branches for image features x [B, D] (not normalised):
 * visual z^I = MLP(x), text z^T = exp(logitScale)·⟨x̂, Ĝ_c⟩ (METHOD.md, stage 2). Both [B, C].
 */
export function lgrLogits(
  params: TensorMap,
  x: tf.Tensor2D,
  anchors: AnchorInput,
  logitScale: number | tf.Scalar,
  detachNorm = false,
): { visual: tf.Tensor2D; text: tf.Tensor2D } {
  const text = anchorAttention({ ...anchorArguments(params, x, anchors), logitScale, detachNorm });
  return { visual: applyMlp(params, 'text_block.visual_fc', x), text };
}

export type BaselineHead = 'linear' | 'mlp';

/** Parameters of a vision-only head, the paper's baseline. Linear weights start at 0.02 truncated normal, biases 0. */
export function createBaselineHead(kind: BaselineHead, dim: number, classes: number, seed: number): TensorMap {
  if (kind === 'mlp') return mlp('fc', dim, classes, seed);
  return {
    'fc.weight': truncatedNormal([dim, classes], seed, 'fc'),
    'fc.bias': tf.zeros([classes]),
  };
}

/** Logits [B, C] of the vision-only head; its kind is read off the parameter names. */
export function baselineLogits(params: TensorMap, x: tf.Tensor2D): tf.Tensor2D {
  if (params['fc.0.weight']) return applyMlp(params, 'fc', x);
  check(params['fc.weight'], 'ERR_CHECKPOINT', () => 'the model has no vision-only head (no parameter fc.weight)');
  return tf.add(tf.matMul(x, params['fc.weight'] as tf.Tensor2D), params['fc.bias']!);
}
