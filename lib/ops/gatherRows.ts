import { attr, executeOp, hasTensorFlow } from '../runtime/fused.js';
import { tf } from '../runtime/tf.js';

/**
 * Rows of a table: table [R, D] (float32) or [R] (int32, no gradient), indices int32 [N] from 0 to R - 1, neither read
 * nor checked here. TensorFlow.js's own gather reads the indices back on TensorFlow, which would break a captured step,
 * and its gradient copies the whole table twice.
 */
export function gatherRows(table: tf.Tensor, indices: tf.Tensor1D): tf.Tensor {
  if (table.dtype !== 'float32') return gather(table, indices);
  const rows = table.shape[0]!;
  const op = tf.customGrad((...args) => {
    const [table, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([indices]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => sumRows(dy, saved[0] as tf.Tensor1D, rows);
    return { value: gather(table, indices), gradFunc };
  });
  return op(table);
}

function gather(table: tf.Tensor, indices: tf.Tensor1D): tf.Tensor {
  if (!hasTensorFlow()) return tf.gather(table, indices);
  const attrs = [
    attr.int('batch_dims', 0),
    attr.type('Tparams', table.dtype as 'float32' | 'int32'),
    attr.type('Tindices', 'int32'),
    attr.type('Taxis', 'int32'),
  ];
  return tf.tidy(() => executeOp('GatherV2', attrs, [table, indices, tf.scalar(0, 'int32')], 1)[0]!);
}

function sumRows(dy: tf.Tensor, indices: tf.Tensor1D, rows: number): tf.Tensor {
  if (!hasTensorFlow()) return tf.unsortedSegmentSum(dy, indices, rows);
  const attrs = [attr.type('T', 'float32'), attr.type('Tindices', 'int32'), attr.type('Tnumsegments', 'int32')];
  return tf.tidy(() => executeOp('UnsortedSegmentSum', attrs, [dy, indices, tf.scalar(rows, 'int32')], 1)[0]!);
}
