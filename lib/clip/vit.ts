import { linear } from '../ops/linear.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type VitConfig, vitGrid } from './config.js';
import { parameter } from './parameters.js';
import { normed, transformer } from './transformer.js';

/** The patches as rows, [N, H, W, 3] -> [N, grid^2, patch^2 * 3]; pixels beyond the last whole patch are left out. */
function patches(visual: VitConfig, images: tf.Tensor4D): tf.Tensor3D {
  const { patchSize: size } = visual;
  const grid = vitGrid(visual);
  const batch = images.shape[0];
  const used = grid * size;
  const whole = used === visual.imageSize ? images : images.slice([0, 0, 0, 0], [batch, used, used, 3]);
  const rows = whole.reshape([batch, grid, size, grid, size, 3]).transpose([0, 1, 3, 2, 4, 5]);
  return rows.reshape([batch, grid * grid, size * size * 3]) as tf.Tensor3D;
}

/** CLIP's Vision Transformer: images [N, H, W, 3] -> [N, D]. The last block is computed for the class token alone. */
export function encodeVit(visual: VitConfig, params: TensorMap, images: tf.Tensor4D): tf.Tensor2D {
  const { width, layers, heads, activation } = visual;
  const batch = images.shape[0];
  // A convolution whose stride is its size is one matrix product; its gradient then is one too, on every backend.
  const filter = parameter(params, 'visual.conv1.weight').reshape([-1, width]);
  const embedded = linear(patches(visual, images), filter);
  const classToken = tf.add(tf.zeros([batch, 1, width]), parameter(params, 'visual.class_embedding'));
  const tokens = tf.concat([classToken, embedded], 1);
  const placed = tf.add(tokens, parameter(params, 'visual.positional_embedding')) as tf.Tensor3D;
  const first = transformer(params, 'visual.transformer', normed(params, 'visual.ln_pre', placed), {
    layers,
    heads,
    activation,
    pick: (x) => x.slice([0, 0, 0], [batch, 1, width]).reshape([batch, width]) as tf.Tensor2D,
  });
  return tf.matMul(normed(params, 'visual.ln_post', first), parameter<tf.Tensor2D>(params, 'visual.proj'));
}
