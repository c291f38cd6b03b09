import { attention, joinHeads, singleQueryAttention } from '../ops/attention.js';
import { gelu } from '../ops/gelu.js';
import { layerNorm } from '../ops/layerNorm.js';
import { linear } from '../ops/linear.js';
import { quickGelu } from '../ops/quickGelu.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import type { Activation } from './config.js';
import { parameter } from './parameters.js';

/** Layer norm with the weights of this name, over the last axis. */
export function normed<T extends tf.Tensor>(params: TensorMap, name: string, x: T): T {
  return layerNorm(x, parameter(params, `${name}.weight`), parameter(params, `${name}.bias`)) as T;
}

/** The linear map of this name, over the last axis. */
export function projected<T extends tf.Tensor>(params: TensorMap, name: string, x: T): T {
  return linear(x, parameter(params, `${name}.weight`), parameter(params, `${name}.bias`));
}

/** x + MLP(LN(x)), over the last axis. */
function mlpResidual<T extends tf.Tensor>(params: TensorMap, name: string, x: T, activation?: Activation): T {
  const activate = activation === 'gelu' ? gelu : quickGelu;
  const hidden = activate(projected(params, `${name}.mlp.c_fc`, normed(params, `${name}.ln_2`, x)));
  return tf.add(x, projected(params, `${name}.mlp.c_proj`, hidden)) as T;
}

/** What every block of a transformer shares. */
type BlockOptions = Pick<TransformerOptions, 'heads' | 'activation' | 'mask'>;

/** A pre-LN block, x [N, T, W]: x + MHA(LN(x)), then + MLP(LN(.)). */
function block(
  params: TensorMap,
  name: string,
  x: tf.Tensor3D,
  { heads, activation, mask }: BlockOptions,
): tf.Tensor3D {
  const [batch, length, width] = x.shape;
  const weight = parameter(params, `${name}.attn.in_proj_weight`);
  const joint = linear(normed(params, `${name}.ln_1`, x), weight, parameter(params, `${name}.attn.in_proj_bias`));
  // One transposition for query, key and value together: [3, N, h, T, d].
  const parts = joint.reshape([batch, length, 3, heads, width / heads]).transpose([2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(parts) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const mixed = projected(params, `${name}.attn.out_proj`, joinHeads(attention(q, k, v, { mask })));
  return mlpResidual(params, name, tf.add(x, mixed) as tf.Tensor3D, activation);
}

/** Which token of each row a model reads: x [N, T, W] -> [N, W]. */
export type PickToken = (x: tf.Tensor3D) => tf.Tensor2D;

/** The last block where one token of each row is all that is read: only its query, output and MLP are computed. */
function lastBlock(
  params: TensorMap,
  name: string,
  x: tf.Tensor3D,
  { heads, activation, pick, pickMask }: TransformerOptions,
): tf.Tensor2D {
  const h = normed(params, `${name}.ln_1`, x);
  const [wq, wk, wv] = thirds(parameter(params, `${name}.attn.in_proj_weight`));
  const [bq, bk, bv] = thirds(parameter(params, `${name}.attn.in_proj_bias`));
  const mixed = singleQueryAttention(linear(pick(h), wq, bq), h, { wk, bk, wv, bv }, heads, pickMask);
  const y = tf.add(pick(x), projected(params, `${name}.attn.out_proj`, mixed)) as tf.Tensor2D;
  return mlpResidual(params, name, y, activation);
}

/** The joint projection's parts for query, key and value. */
const thirds = (joint: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor] =>
  tf.split(joint, 3, joint.rank - 1) as [tf.Tensor, tf.Tensor, tf.Tensor];

/** What `transformer` needs beside its input. */
export interface TransformerOptions {
  layers: number;
  heads: number;
  /** Default `quick_gelu`. */
  activation?: Activation;
  /** The one token of each row that is read afterwards. */
  pick: PickToken;
  /** Additive mask of all blocks but the last, broadcast to [N, h, T, T]. */
  mask?: tf.Tensor;
  /** Additive mask of the picked token in the last block, broadcast to [N, h, T]. */
  pickMask?: tf.Tensor;
}

/** CLIP's transformer under the given name, x [N, T, W]; gives the picked token of each row, [N, W]. */
export function transformer(params: TensorMap, name: string, x: tf.Tensor3D, options: TransformerOptions): tf.Tensor2D {
  const { layers } = options;
  let tokens = x;
  for (let i = 0; i < layers - 1; i++) tokens = block(params, `${name}.resblocks.${i}`, tokens, options);
  return lastBlock(params, `${name}.resblocks.${layers - 1}`, tokens, options);
}

/** CLIP's transformer with every token computed to the end, [N, T, W] -> [N, T, W]: the reference for `transformer`. */
export function transformerAllTokens(
  params: TensorMap,
  name: string,
  x: tf.Tensor3D,
  options: Omit<TransformerOptions, 'pick' | 'pickMask'>,
): tf.Tensor3D {
  let tokens = x;
  for (let i = 0; i < options.layers; i++) tokens = block(params, `${name}.resblocks.${i}`, tokens, options);
  return tokens;
}
