import { singleQueryAttention } from '../ops/attention.js';
import { batchNorm, batchNormTraining } from '../ops/batchNorm.js';
import { relu } from '../ops/relu.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type ResNetConfig, resnetSizes } from './config.js';
import { parameter } from './parameters.js';
import { projected } from './transformer.js';

/** Weights of a ResNet and, in training mode, where its new running statistics are put. */
interface ResNetRun {
  params: TensorMap;
  /** Present in training mode. */
  batchStats?: TensorMap;
}

function norm(run: ResNetRun, name: string, x: tf.Tensor4D): tf.Tensor4D {
  const { params, batchStats } = run;
  const weights = {
    gamma: parameter(params, `${name}.weight`),
    beta: parameter(params, `${name}.bias`),
    mean: parameter(params, `${name}.running_mean`),
    variance: parameter(params, `${name}.running_var`),
  };
  if (!batchStats) return batchNorm(x, weights);
  const { y, mean, variance } = batchNormTraining(x, weights);
  batchStats[`${name}.running_mean`] = mean;
  batchStats[`${name}.running_var`] = variance;
  return y;
}

const conv = (run: ResNetRun, name: string, x: tf.Tensor4D): tf.Tensor4D =>
  tf.conv2d(x, parameter<tf.Tensor4D>(run.params, `${name}.weight`), 1, 'same');

const halve = (x: tf.Tensor4D): tf.Tensor4D => tf.avgPool(x, 2, 2, 'valid');

/** The first convolution: 3x3, stride 2, one pixel of padding on every side (TensorFlow's "same" pads one side only). */
function firstConv(run: ResNetRun, images: tf.Tensor4D): tf.Tensor4D {
  const padded = tf.pad(images, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
  return tf.conv2d(padded, parameter<tf.Tensor4D>(run.params, 'visual.conv1.weight'), 2, 'valid');
}

/** A bottleneck; its stride is an average pool after the second convolution and before the shortcut's. */
function bottleneck(run: ResNetRun, name: string, x: tf.Tensor4D, stride: boolean): tf.Tensor4D {
  let y = relu(norm(run, `${name}.bn1`, conv(run, `${name}.conv1`, x)));
  y = relu(norm(run, `${name}.bn2`, conv(run, `${name}.conv2`, y)));
  if (stride) y = halve(y);
  y = norm(run, `${name}.bn3`, conv(run, `${name}.conv3`, y));
  let shortcut = x;
  if (run.params[`${name}.downsample.0.weight`]) {
    shortcut = conv(run, `${name}.downsample.0`, stride ? halve(x) : x);
    shortcut = norm(run, `${name}.downsample.1`, shortcut);
  }
  return relu(tf.add(y, shortcut) as tf.Tensor4D);
}

/** Attention pooling: the mean token leads the grid's tokens and is the only query. x [N, H, W, C] -> [N, D]. */
function attentionPool(params: TensorMap, x: tf.Tensor4D, heads: number): tf.Tensor2D {
  const [batch, height, width, channels] = x.shape;
  const grid = x.reshape([batch, height * width, channels]);
  const positions = parameter(params, 'visual.attnpool.positional_embedding');
  const tokens = tf.add(tf.concat([tf.mean(grid, 1, true), grid], 1), positions) as tf.Tensor3D;
  const first = tokens.slice([0, 0, 0], [batch, 1, channels]).reshape([batch, channels]) as tf.Tensor2D;
  const weight = (name: string): tf.Tensor => parameter(params, `visual.attnpool.${name}`);
  const keyValue = {
    wk: weight('k_proj.weight'),
    bk: weight('k_proj.bias'),
    wv: weight('v_proj.weight'),
    bv: weight('v_proj.bias'),
  };
  const pooled = singleQueryAttention(projected(params, 'visual.attnpool.q_proj', first), tokens, keyValue, heads);
  return projected(params, 'visual.attnpool.c_proj', pooled);
}

/**
 * CLIP's ModifiedResNet: images [N, H, W, 3] -> [N, D]. With `batchStats` batch norm is in training mode and the new
 * running statistics are put there.
 */
export function encodeResNet(
  visual: ResNetConfig,
  params: TensorMap,
  images: tf.Tensor4D,
  batchStats?: TensorMap,
): tf.Tensor2D {
  const run = { params, batchStats };
  let x = relu(norm(run, 'visual.bn1', firstConv(run, images)));
  for (const i of [2, 3]) x = relu(norm(run, `visual.bn${i}`, conv(run, `visual.conv${i}`, x)));
  if (visual.stemPool ?? true) x = halve(x);
  visual.layers.forEach((blocks, i) => {
    for (let block = 0; block < blocks; block++) {
      x = bottleneck(run, `visual.layer${i + 1}.${block}`, x, i > 0 && block === 0);
    }
  });
  return attentionPool(params, x, resnetSizes(visual).heads);
}
