import { check } from '../errors.js';
import { describe } from '../ops/arguments.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import type { ClipConfig } from './config.js';
import { initialize } from './init.js';
import { encodeResNet } from './resnet.js';
import { cutToLongest, encodeTextIds } from './text.js';
import { encodeVit } from './vit.js';

export { isBuffer, isTrainable, parameterSpecs } from './parameters.js';

/** Image features and, in training mode, batch norm's new running statistics. */
export interface EncodedImages {
  /** [N, D], not L2-normalised. */
  features: tf.Tensor2D;
  /** By state-dict name; only in training mode, and empty for a model without batch norm. */
  batchStats?: TensorMap;
}

/**
 * Image features of a model, a pure function: images [N, H, W, 3], normalised with CLIP's mean and deviation, H = W =
 * config.visual.imageSize. `training` uses (and gives back the moved) batch statistics; otherwise the running ones.
 * @throws VlltrError ERR_ARGUMENT for pictures of another shape
 */
export function encodeImage(
  config: ClipConfig,
  params: TensorMap,
  images: tf.Tensor4D,
  options: { training?: boolean } = {},
): EncodedImages {
  const { visual } = config;
  const size = visual.imageSize;
  check(
    usable(images, 4, 'float32') && images.shape.slice(1).join() === `${size},${size},3`,
    'ERR_ARGUMENT',
    () => `encodeImage: images is ${describe(images)}, expected float32 [N, ${size}, ${size}, 3]`,
  );
  const batchStats: TensorMap | undefined = options.training ? {} : undefined;
  const result = tf.tidy(() => {
    const features =
      visual.kind === 'resnet' ? encodeResNet(visual, params, images, batchStats) : encodeVit(visual, params, images);
    return { features, batchStats: batchStats ?? {} };
  });
  return batchStats ? result : { features: result.features };
}

const usable = (value: unknown, rank: number, dtype: tf.DataType): boolean =>
  value instanceof tf.Tensor && !value.isDisposed && value.rank === rank && value.dtype === dtype;

/**
 * Text features of a model, a pure function: ids int32 [N, L] of CLIP's tokenizer, L <= contextLength -> [N, D], not
 * L2-normalised. Cut the ids to the longest sentence first (`cutToLongest`).
 * @throws VlltrError ERR_ARGUMENT for ids of another shape or type
 */
export function encodeText(config: ClipConfig, params: TensorMap, ids: tf.Tensor2D): tf.Tensor2D {
  checkIds(config, ids);
  return tf.tidy(() => encodeTextIds(config.text, params, ids));
}

function checkIds(config: ClipConfig, ids: tf.Tensor2D): void {
  const { contextLength } = config.text;
  check(
    usable(ids, 2, 'int32') && ids.shape[1] >= 1 && ids.shape[1] <= contextLength,
    'ERR_ARGUMENT',
    () => `encodeText: ids is ${describe(ids)}, expected int32 [N, 1 .. ${contextLength}]`,
  );
}

/** A CLIP model: its architecture and tensors. */
export interface ClipModel {
  readonly config: ClipConfig;
  /** Parameters and buffers by OpenAI's names, in memory layout. */
  readonly params: TensorMap;
  /** Features of pictures [N, H, W, 3], normalised with CLIP's mean and deviation -> [N, D], not L2-normalised. */
  encodeImage(images: tf.Tensor4D): tf.Tensor2D;
  /** Features of token ids int32 [N, L] -> [N, D], not L2-normalised. Reads the ids, to cut them to the longest sentence. */
  encodeText(ids: tf.Tensor2D): tf.Tensor2D;
  /** Frees the tensors. */
  dispose(): void;
}

/** A model of these tensors, which it then owns. */
export function modelOf(config: ClipConfig, params: TensorMap): ClipModel {
  return {
    config,
    params,
    encodeImage: (images) => encodeImage(config, params, images).features,
    encodeText: (ids) => {
      checkIds(config, ids);
      const cut = cutIds(ids, config.text.vocabSize);
      const features = encodeText(config, params, cut);
      cut.dispose();
      return features;
    },
    dispose: () => tf.dispose(params),
  };
}

/** A new model with CLIP's initialisation. @throws VlltrError ERR_ARGUMENT for an impossible configuration */
export function create(config: ClipConfig, { seed = 0 }: { seed?: number } = {}): ClipModel {
  return modelOf(config, initialize(config, seed));
}

/** The ids without the columns after the last end token. An id that no embedding has would read foreign memory on wasm. */
function cutIds(ids: tf.Tensor2D, vocabSize: number): tf.Tensor2D {
  const [rows, context] = ids.shape;
  const values = Int32Array.from(ids.dataSync());
  const foreign = values.findIndex((id) => id < 0 || id >= vocabSize);
  check(foreign < 0, 'ERR_ARGUMENT', () => {
    const at = `ids[${Math.floor(foreign / context)}, ${foreign % context}]`;
    return `encodeText: ${at} is ${values[foreign]}, expected 0 .. ${vocabSize - 1}`;
  });
  const lengths = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const row = values.subarray(i * context, (i + 1) * context);
    lengths[i] = row.reduce((best, id, at) => (id > row[best]! ? at : best), 0) + 1;
  }
  const cut = cutToLongest(values, lengths);
  return tf.tensor2d(cut.ids, [rows, cut.length], 'int32');
}
