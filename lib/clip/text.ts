import { check } from '../errors.js';
import { causalMask, causalMaskAt } from '../ops/attention.js';
import { gatherRows } from '../ops/gatherRows.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import type { TextConfig } from './config.js';
import { parameter } from './parameters.js';
import { normed, transformer } from './transformer.js';

/** Row of the compact embedding for each tokenizer id, int32 [vocabSize]; ids outside the vocabulary share the last one. */
function compactRows(text: TextConfig, vocabulary: readonly number[]): tf.Tensor1D {
  const rows = new Int32Array(text.vocabSize).fill(vocabulary.length);
  vocabulary.forEach((id, row) => {
    rows[id] = row;
  });
  return tf.tensor1d(rows, 'int32');
}

/**
 * CLIP's text transformer: ids int32 [N, L], L <= contextLength -> [N, D], the feature at the end token, whose id is the
 * largest. The mask is causal and the feature sits at the end token, so columns after the longest sentence change
 * nothing: cut them off first (`cutToLongest`). The last block is computed for the end token alone.
 */
export function encodeTextIds(text: TextConfig, params: TensorMap, ids: tf.Tensor2D): tf.Tensor2D {
  const { width, layers, heads, activation, vocabulary, contextLength } = text;
  const [batch, length] = ids.shape;
  const flat = ids.reshape([batch * length]) as tf.Tensor1D;
  const rows = vocabulary ? (gatherRows(compactRows(text, vocabulary), flat) as tf.Tensor1D) : flat;
  const embedded = gatherRows(parameter(params, 'token_embedding.weight'), rows).reshape([batch, length, width]);
  const all = parameter<tf.Tensor2D>(params, 'positional_embedding');
  const positions = length === contextLength ? all : all.slice([0, 0], [length, width]);
  const end = tf.argMax(ids, 1) as tf.Tensor1D;
  const endRows = tf.add(tf.range(0, batch * length, length, 'int32'), end) as tf.Tensor1D;
  const last = transformer(params, 'transformer', tf.add(embedded, positions) as tf.Tensor3D, {
    layers,
    heads,
    activation,
    mask: causalMask(length),
    pickMask: causalMaskAt(end, length),
    pick: (x) => gatherRows(x.reshape([batch * length, width]), endRows) as tf.Tensor2D,
  });
  return tf.matMul(normed(params, 'ln_final', last), parameter<tf.Tensor2D>(params, 'text_projection'));
}

/** Sentences cut to a common length. */
export interface CutSentences {
  /** Row-major [N, length]. */
  ids: Int32Array;
  length: number;
}

/**
 * Cuts rows of token ids to the longest sentence among them, rounded up to a multiple of `bucket` so that only a few
 * shapes occur. It changes no feature.
 * @param ids row-major [N, contextLength]
 * @param lengths tokens of each sentence, start and end included, [N]
 */
export function cutToLongest(ids: Int32Array, lengths: ArrayLike<number>, bucket = 8): CutSentences {
  const count = lengths.length;
  const context = ids.length / count;
  check(count > 0 && Number.isInteger(context), 'ERR_ARGUMENT', () => {
    return `cutToLongest: ${ids.length} ids do not make ${count} rows of one length`;
  });
  let longest = 1;
  for (let i = 0; i < count; i++) longest = Math.max(longest, lengths[i]!);
  check(longest <= context, 'ERR_ARGUMENT', () => {
    return `cutToLongest: a sentence has ${longest} tokens, its row holds ${context}`;
  });
  const length = Math.min(context, Math.ceil(longest / bucket) * bucket);
  const cut = new Int32Array(count * length);
  for (let i = 0; i < count; i++) cut.set(ids.subarray(i * context, i * context + length), i * length);
  return { ids: cut, length };
}
