import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { random, symmetricBeta } from './random.js';

/** How pictures are mixed; the defaults are the released configurations'. */
export interface MixOptions {
  /** Number of classes C. */
  classes: number;
  /** Label smoothing ε of the targets: 1−ε + ε/C for the label, ε/C elsewhere. Default 0. */
  smoothing?: number;
  /** α of mixup (Zhang et al., 2018); 0: never. Default 0.8. */
  mixup?: number;
  /** α of CutMix (Yun et al., 2019); 0: never. Default 1. */
  cutmix?: number;
  /** Probability that a batch is mixed at all. Default 1. */
  probability?: number;
  seed: number;
  step: number;
  /** Names the random numbers. */
  stream: string;
}

/** One draw for a whole batch. */
export interface MixDraw {
  kind: 'none' | 'mixup' | 'cutmix';
  /** Share of the own label; for CutMix the share of the area that is left. */
  lambda: number;
  /** CutMix: the part taken from the partner; rows top … bottom, columns left … right, ends excluded. */
  box?: { top: number; bottom: number; left: number; right: number };
}

/** Draws λ and the box; with both kinds on, either has chance ½. A pure function of seed, stream and step. */
export function drawMix(size: number, options: MixOptions): MixDraw {
  const { mixup = 0.8, cutmix = 1, probability = 1 } = options;
  const draw = random(options.seed, options.stream, options.step);
  if (draw.uniform() >= probability || (mixup === 0 && cutmix === 0)) return { kind: 'none', lambda: 1 };
  const cut = cutmix > 0 && (mixup === 0 || draw.uniform() < 0.5);
  const lambda = symmetricBeta(cut ? cutmix : mixup, draw);
  if (!cut) return { kind: 'mixup', lambda };
  const side = Math.trunc(size * Math.sqrt(1 - lambda));
  const clip = (x: number): number => Math.max(0, Math.min(size, x));
  const half = side >> 1;
  const [y, x] = [draw.int(size), draw.int(size)];
  const box = { top: clip(y - half), bottom: clip(y + half), left: clip(x - half), right: clip(x + half) };
  return { kind: 'cutmix', lambda: 1 - ((box.bottom - box.top) * (box.right - box.left)) / (size * size), box };
}

/** Soft targets [B, C]: λ of the own smoothed label, 1−λ of the partner's; the partner is the batch reversed. */
export function mixTargets(labels: ArrayLike<number>, lambda: number, classes: number, smoothing = 0): tf.Tensor2D {
  const n = labels.length;
  const targets = new Float32Array(n * classes).fill(smoothing / classes);
  for (let i = 0; i < n; i++) {
    for (const [y, share] of [
      [labels[i]!, lambda],
      [labels[n - 1 - i]!, 1 - lambda],
    ] as const) {
      check(y >= 0 && y < classes, 'ERR_ARGUMENT', () => `a label is ${y}; expected 0 … ${classes - 1}`);
      targets[i * classes + y]! += share * (1 - smoothing);
    }
  }
  return tf.tensor2d(targets, [n, classes]);
}

/**
 * Mixes a batch with itself reversed: mixup x ← λx + (1−λ)x', or CutMix, a box of x' pasted into x.
 * Consumes `image`.
 * @param image [B, S, S, 3]
 * @param labels class of each picture [B]
 * @returns `image` and soft `targets` [B, C]: inputs of a step, so that the step itself draws nothing
 */
export function mixBatch(
  image: tf.Tensor4D,
  labels: ArrayLike<number>,
  options: MixOptions,
): TensorMap & { image: tf.Tensor4D; targets: tf.Tensor2D } {
  const [batch, height, width] = image.shape;
  check(batch === labels.length, 'ERR_ARGUMENT', () => `image has ${batch} pictures, labels ${labels.length}`);
  check(height === width, 'ERR_ARGUMENT', () => `image is [${image.shape}]; expected square pictures`);
  const { kind, lambda, box } = drawMix(width, options);
  const targets = mixTargets(labels, lambda, options.classes, options.smoothing);
  if (kind === 'none') return { image, targets };
  const mixed = tf.tidy(() => {
    const partner = image.reverse(0);
    if (!box) return image.mul(lambda).add(partner.mul(1 - lambda)) as tf.Tensor4D;
    const mask = new Float32Array(height * width);
    for (let y = box.top; y < box.bottom; y++) mask.fill(1, y * width + box.left, y * width + box.right);
    const pasted = tf.tensor4d(mask, [1, height, width, 1]);
    return image.mul(tf.sub(1, pasted)).add(partner.mul(pasted)) as tf.Tensor4D;
  });
  image.dispose();
  return { image: mixed, targets };
}
