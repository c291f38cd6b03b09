import { attr, executeOp, hasTensorFlow } from '../runtime/fused.js';
import { tf } from '../runtime/tf.js';

/** x w + b over the last axis: x [..., I], weight [I, O], bias [O] or none; gives [..., O]. */
export function linear<T extends tf.Tensor>(x: T, weight: tf.Tensor, bias?: tf.Tensor): T {
  return tf.tidy(() => {
    const [inputs, outputs] = weight.shape as [number, number];
    const rows = x.reshape([-1, inputs]) as tf.Tensor2D;
    const product = tf.matMul(rows, weight as tf.Tensor2D) as tf.Tensor2D;
    const y = bias ? addBias(product, bias) : product;
    return y.reshape([...x.shape.slice(0, -1), outputs]) as T;
  });
}

/** x + bias over the last axis: x [N, C], bias [C]. On TensorFlow one operation each way (BiasAdd, BiasAddGrad). */
export function addBias(x: tf.Tensor2D, bias: tf.Tensor): tf.Tensor2D {
  if (!hasTensorFlow()) return tf.add(x, bias);
  const attrs = () => [attr.type('T', 'float32'), attr.string('data_format', 'NHWC')];
  const op = tf.customGrad((...args) => {
    const [x, bias] = args as [tf.Tensor, tf.Tensor];
    const value = executeOp('BiasAdd', attrs(), [x, bias], 1)[0]!;
    const gradFunc = (dy: tf.Tensor) => [dy.clone(), executeOp('BiasAddGrad', attrs(), [dy], 1)[0]!];
    return { value, gradFunc };
  });
  return op(x, bias) as tf.Tensor2D;
}
