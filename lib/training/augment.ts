import { check } from '../errors.js';
import { type RandAugmentOptions, randAugment } from './randAugment.js';
import { type Random, random } from './random.js';
import { type Box, resampleBicubic } from './resample.js';

/** Mean and standard deviation of CLIP's training pictures, RGB in 0 … 1. */
export const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
export const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const;

/** One clean view. */
export interface NoAugment {
  preset: 'none';
}

/** Small affine changes and inversion: for line drawings on a plain ground. */
export interface IconAugment {
  preset: 'icon';
  /** Scale factor in 1 ± zoom. Default 0.15. */
  zoom?: number;
  /** Rotation up to ± this many degrees. Default 8.6. */
  rotate?: number;
  /** Shift up to ± this share of the side, each way. Default 0.075. */
  shift?: number;
  /** Probability of inverted brightness. Default 0.15. */
  invert?: number;
  /** Probability of a mirrored view. Default 0: arrows have a direction. */
  flip?: number;
  /** What lies outside the picture. Default 'white'. */
  border?: 'white' | 'edge';
}

/** The paper's training transform. */
export interface ImagenetAugment {
  preset: 'imagenet';
  /** Share of the area a crop keeps. Default [0.08, 1]. */
  scale?: [number, number];
  /** Width to height of a crop. Default [3/4, 4/3]. */
  ratio?: [number, number];
  /** Probability of a mirrored view. Default 0.5. */
  flip?: number;
  /** Probability of a rectangle of noise (random erasing). Default 0.25. */
  erase?: number;
  /** RandAugment; false leaves it out. Default rand-m9-mstd0.5-inc1. */
  randAugment?: RandAugmentOptions | false;
}

export type AugmentOptions = NoAugment | IconAugment | ImagenetAugment;

/** Value of a byte in each channel after normalisation: [3][256]. */
const NORMALISED = CLIP_MEAN.map((mean, c) =>
  Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / CLIP_STD[c]!),
);
/** The same as v·gain + bias. */
const GAIN = CLIP_STD.map((std) => 1 / (255 * std));
const BIAS = CLIP_MEAN.map((mean, c) => -mean / CLIP_STD[c]!);

function batchSize(pixels: Uint8Array, size: number): number {
  const n = pixels.length / (size * size * 3);
  check(
    size > 0 && Number.isInteger(n),
    'ERR_ARGUMENT',
    () => `pixels has ${pixels.length} bytes; expected a multiple of ${size}·${size}·3`,
  );
  return n;
}

/** Normalises bytes into `out` from element `to` on. */
function normalise(bytes: ArrayLike<number>, from: number, count: number, out: Float32Array, to: number): void {
  const [r, g, b] = NORMALISED as [Float32Array, Float32Array, Float32Array];
  for (let i = 0; i < count; i += 3) {
    out[to + i] = r[bytes[from + i]!]!;
    out[to + i + 1] = g[bytes[from + i + 1]!]!;
    out[to + i + 2] = b[bytes[from + i + 2]!]!;
  }
}

/**
 * The clean view of pictures: where they are larger than asked for, the shorter side goes to `resize` (bicubic,
 * antialiased) and the centre is cut out; normalised with CLIP's mean and standard deviation.
 * @param pixels uint8 RGB [N, size, size, 3]
 * @param resize default: to/0.875 (256 for 224) where the pictures are larger than `to`, else `to`
 * @returns [N, to, to, 3]
 */
export function evalView(
  pixels: Uint8Array,
  size: number,
  to: number,
  resize = size > to ? Math.round(to / 0.875) : to,
): Float32Array {
  check(resize >= to, 'ERR_ARGUMENT', () => `resize is ${resize}; expected at least the view's size ${to}`);
  const n = batchSize(pixels, size);
  const each = to * to * 3;
  const out = new Float32Array(n * each);
  if (size === to && resize === to) {
    normalise(pixels, 0, pixels.length, out, 0);
    return out;
  }
  const margin = Math.floor((resize - to) / 2);
  const whole: Box = { left: 0, top: 0, width: size, height: size };
  for (let i = 0; i < n; i++) {
    const start = i * size * size * 3;
    const scaled =
      size === resize
        ? pixels.subarray(start, start + size * size * 3)
        : Uint8ClampedArray.from(resampleBicubic(pixels, start, size, whole, resize, resize));
    for (let y = 0; y < to; y++)
      normalise(scaled, ((margin + y) * resize + margin) * 3, to * 3, out, i * each + y * to * 3);
  }
  return out;
}

/**
 * Training views, normalised with CLIP's mean and standard deviation. The draws of the picture at position i of the
 * batch are keyed by (seed, stream, i, step) alone.
 * @param pixels uint8 RGB [N, size, size, 3]
 * @returns [N, to, to, 3]
 */
export function augment(
  pixels: Uint8Array,
  size: number,
  to: number,
  options: AugmentOptions,
  seed: number,
  step: number,
  stream: string,
): Float32Array {
  if (options.preset === 'none') return evalView(pixels, size, to);
  check(
    options.preset === 'icon' || options.preset === 'imagenet',
    'ERR_ARGUMENT',
    () => `augment preset is '${String((options as { preset: unknown }).preset)}'; expected none, icon or imagenet`,
  );
  const n = batchSize(pixels, size);
  const out = new Float32Array(n * to * to * 3);
  for (let i = 0; i < n; i++) {
    const draw = random(seed, `${stream}/${i}`, step);
    const from = i * size * size * 3;
    const at = i * to * to * 3;
    if (options.preset === 'icon') iconView(pixels, from, size, out, at, to, options, draw);
    else imagenetView(pixels, from, size, out, at, to, options, draw);
  }
  return out;
}

/** Uniform in ± r. */
const around = (draw: Random, r: number): number => (2 * draw.uniform() - 1) * r;

function iconView(
  pixels: Uint8Array,
  from: number,
  size: number,
  out: Float32Array,
  at: number,
  to: number,
  options: IconAugment,
  draw: Random,
): void {
  const { zoom = 0.15, rotate = 8.6, shift = 0.075, invert = 0.15, flip = 0, border = 'white' } = options;
  const scale = 1 + around(draw, zoom);
  const angle = around(draw, (rotate * Math.PI) / 180);
  const moveX = around(draw, shift) * size;
  const moveY = around(draw, shift) * size;
  const inverted = draw.uniform() < invert;
  const mirrored = draw.uniform() < flip;
  // Source = centre + scale · R(angle) · (target − centre) + move, in source pixels.
  const step = (scale * size) / to;
  const cos = Math.cos(angle) * step;
  const sin = Math.sin(angle) * step;
  const side = mirrored ? -1 : 1;
  const white = border === 'white';
  const last = size - 1;
  const sign = inverted ? -1 : 1;
  const gain = GAIN.map((g) => g * sign) as [number, number, number];
  const bias = BIAS.map((b, c) => (inverted ? b + 255 * GAIN[c]! : b)) as [number, number, number];
  const [gainR, gainG, gainB] = gain;
  const [biasR, biasG, biasB] = bias;
  const middle = (size - 1) / 2;
  for (let y = 0; y < to; y++) {
    const dy = y - (to - 1) / 2;
    for (let x = 0; x < to; x++, at += 3) {
      const dx = side * (x - (to - 1) / 2);
      let sx = middle + cos * dx - sin * dy + moveX;
      let sy = middle + sin * dx + cos * dy + moveY;
      if (!white) {
        sx = Math.min(last, Math.max(0, sx));
        sy = Math.min(last, Math.max(0, sy));
      }
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      const fx = sx - x0;
      const fy = sy - y0;
      const w00 = (1 - fx) * (1 - fy);
      const w01 = fx * (1 - fy);
      const w10 = (1 - fx) * fy;
      const w11 = fx * fy;
      let r = 0;
      let g = 0;
      let b = 0;
      if (x0 >= 0 && y0 >= 0 && x0 < last && y0 < last) {
        const p = from + (y0 * size + x0) * 3;
        const q = p + size * 3;
        r = w00 * pixels[p]! + w01 * pixels[p + 3]! + w10 * pixels[q]! + w11 * pixels[q + 3]!;
        g = w00 * pixels[p + 1]! + w01 * pixels[p + 4]! + w10 * pixels[q + 1]! + w11 * pixels[q + 4]!;
        b = w00 * pixels[p + 2]! + w01 * pixels[p + 5]! + w10 * pixels[q + 2]! + w11 * pixels[q + 5]!;
      } else {
        for (let k = 0; k < 4; k++) {
          const tx = x0 + (k & 1);
          const ty = y0 + (k >> 1);
          const w = k === 0 ? w00 : k === 1 ? w01 : k === 2 ? w10 : w11;
          if (tx < 0 || ty < 0 || tx > last || ty > last) {
            // Only reached with weight > 0 on a white border.
            r += w * 255;
            g += w * 255;
            b += w * 255;
          } else {
            const p = from + (ty * size + tx) * 3;
            r += w * pixels[p]!;
            g += w * pixels[p + 1]!;
            b += w * pixels[p + 2]!;
          }
        }
      }
      out[at] = r * gainR + biasR;
      out[at + 1] = g * gainG + biasG;
      out[at + 2] = b * gainB + biasB;
    }
  }
}

/** Random resized crop: area and ratio drawn up to ten times, else the largest centred crop of an allowed ratio. */
export function randomCrop(size: number, scale: [number, number], ratio: [number, number], draw: Random): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = size * size * (scale[0] + (scale[1] - scale[0]) * draw.uniform());
    const low = Math.log(ratio[0]);
    const aspect = Math.exp(low + (Math.log(ratio[1]) - low) * draw.uniform());
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width >= 1 && height >= 1 && width <= size && height <= size)
      return { left: draw.int(size - width + 1), top: draw.int(size - height + 1), width, height };
  }
  const width = Math.round(size * Math.min(1, ratio[1]));
  const height = Math.round(size * Math.min(1, 1 / ratio[0]));
  return { left: (size - width) >> 1, top: (size - height) >> 1, width, height };
}

function imagenetView(
  pixels: Uint8Array,
  from: number,
  size: number,
  out: Float32Array,
  at: number,
  to: number,
  options: ImagenetAugment,
  draw: Random,
): void {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], flip = 0.5, erase = 0.25 } = options;
  let view: Uint8ClampedArray = Uint8ClampedArray.from(
    resampleBicubic(pixels, from, size, randomCrop(size, scale, ratio, draw), to, to),
  );
  if (draw.uniform() < flip) mirror(view, to);
  if (options.randAugment !== false) view = randAugment(view, to, options.randAugment ?? {}, draw);
  normalise(view, 0, view.length, out, at);
  if (draw.uniform() < erase) eraseBox(out, at, to, draw);
}

/** Mirrors an RGB picture left to right, in place. */
function mirror(view: Uint8ClampedArray, size: number): void {
  for (let y = 0; y < size; y++)
    for (let l = y * size * 3, r = l + (size - 1) * 3; l < r; l += 3, r -= 3)
      for (let c = 0; c < 3; c++) {
        const kept = view[l + c]!;
        view[l + c] = view[r + c]!;
        view[r + c] = kept;
      }
}

/** Random erasing: standard normal noise, per pixel and channel, in a box of 2 to 33 % of the area, ratio 0.3 … 3.3. */
function eraseBox(out: Float32Array, at: number, size: number, draw: Random): void {
  const low = Math.log(0.3);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = size * size * (0.02 + (1 / 3 - 0.02) * draw.uniform());
    const aspect = Math.exp(low - 2 * low * draw.uniform());
    const height = Math.round(Math.sqrt(area * aspect));
    const width = Math.round(Math.sqrt(area / aspect));
    if (height >= size || width >= size) continue;
    const top = draw.int(size - height + 1);
    const left = draw.int(size - width + 1);
    for (let y = top; y < top + height; y++)
      for (let k = at + (y * size + left) * 3, end = k + width * 3; k < end; k++) out[k] = draw.normal();
    return;
  }
}
