import type { ClipConfig } from '../clip/config.js';
import { type EncodedImages, encodeImage, encodeText } from '../clip/model.js';
import { l2Normalize } from '../ops/normalize.js';
import type { TensorMap, tf } from '../runtime/tf.js';

/** What a batch of pictures with a text each has a row of. */
export const PAIR_ROWS = ['image', 'ids'] as const;

/** Unit image features [n, D], and in training mode batch norm's new running statistics. */
export function unitImages(
  config: ClipConfig,
  params: TensorMap,
  images: tf.Tensor,
  options: { training?: boolean } = {},
): EncodedImages {
  const { features, batchStats } = encodeImage(config, params, images as tf.Tensor4D, options);
  return { features: l2Normalize(features), batchStats };
}

/** Unit features `image` and `text`, [n, D] each, of pictures with a text each. */
export function encodePairs(
  config: ClipConfig,
  params: TensorMap,
  rows: TensorMap,
  options: { training?: boolean } = {},
): { features: TensorMap; batchStats?: TensorMap } {
  const image = unitImages(config, params, rows.image!, options);
  const text = l2Normalize(encodeText(config, params, rows.ids as tf.Tensor2D));
  return { features: { image: image.features, text }, batchStats: image.batchStats };
}
