import { tf } from '../runtime/tf.js';

/** QuickGELU of CLIP: x sigmoid(1.702 x), any shape. */
export function quickGelu<T extends tf.Tensor>(x: T): T {
  const op = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const gate = tf.sigmoid(tf.mul(x, 1.702));
    const y = tf.mul(x, gate);
    save([x, gate, y]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.tidy(() => {
        const [x, gate, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        // d/dx = gate (1 + 1.702 x (1 - gate)), and x (1 - gate) = x - y.
        return tf.mul(dy, tf.mul(gate, tf.add(tf.mul(tf.sub(x, y), 1.702), 1)));
      });
    return { value: y, gradFunc };
  });
  return op(x) as T;
}
