import { tf } from '../runtime/tf.js';

const { SQRT1_2, PI } = Math;

/** GELU by its definition (Hendrycks and Gimpel 2016), x Φ(x) with the normal distribution's Φ; any shape. */
export function gelu<T extends tf.Tensor>(x: T): T {
  const op = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const phi = tf.mul(tf.add(tf.erf(tf.mul(x, SQRT1_2)), 1), 0.5);
    save([x, phi]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.tidy(() => {
        const [x, phi] = saved as [tf.Tensor, tf.Tensor];
        // d/dx = Φ + x φ, φ the density.
        const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), (2 * PI) ** -0.5);
        return tf.mul(dy, tf.add(phi, tf.mul(x, density)));
      });
    return { value: tf.mul(x, phi), gradFunc };
  });
  return op(x) as T;
}
