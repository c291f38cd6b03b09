import { normalise } from './normalise.js';
import { type RandAugmentOptions, randAugment } from './randAugment.js';
import type { Random } from './random.js';
import { type Box, resampleBicubic } from './resample.js';
import type { Size } from './wholePicture.js';

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

/** Random resized crop: area and ratio drawn up to ten times, else the largest centred crop of an allowed ratio. */
export function randomCrop(
  size: Size,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  draw: Random,
): Box {
  const low = Math.log(ratio[0]);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = size.width * size.height * (scale[0] + (scale[1] - scale[0]) * draw.uniform());
    const aspect = Math.exp(low + (Math.log(ratio[1]) - low) * draw.uniform());
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width >= 1 && height >= 1 && width <= size.width && height <= size.height)
      return { left: draw.int(size.width - width + 1), top: draw.int(size.height - height + 1), width, height };
  }
  const width = Math.max(1, Math.min(size.width, Math.round(size.height * ratio[1])));
  const height = Math.max(1, Math.min(size.height, Math.round(size.width / ratio[0])));
  return { left: (size.width - width) >> 1, top: (size.height - height) >> 1, width, height };
}

/** The random resized crop of a picture, by the options of the view. */
export const drawCrop = (
  size: Size,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: ImagenetAugment,
  draw: Random,
): Box => randomCrop(size, scale, ratio, draw);

/**
 * Writes a view to element `at` of `out`: the part `box` of an RGB picture, resampled, and what is drawn after the crop.
 * @param pixels the picture begins at byte `from` and is `width` pixels wide
 */
export function cropView(
  pixels: Uint8Array,
  from: number,
  width: number,
  box: Box,
  out: Float32Array,
  at: number,
  to: number,
  options: ImagenetAugment,
  draw: Random,
): void {
  const { flip = 0.5, erase = 0.25 } = options;
  let view = resampleBicubic(pixels, from, width, box, to, to);
  if (draw.uniform() < flip) mirror(view, to);
  if (options.randAugment !== false) view = randAugment(view, to, options.randAugment ?? {}, draw);
  normalise(view, 0, view.length, out, at);
  if (draw.uniform() < erase) eraseBox(out, at, to, draw);
}

/** Writes the view of the square picture at byte `from` to element `at` of `out`. */
export function imagenetView(
  pixels: Uint8Array,
  from: number,
  size: number,
  out: Float32Array,
  at: number,
  to: number,
  options: ImagenetAugment,
  draw: Random,
): void {
  const box = drawCrop({ width: size, height: size }, options, draw);
  cropView(pixels, from, size, box, out, at, to, options, draw);
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
    const row = new Float32Array(2 * Math.ceil((width * 3) / 2));
    for (let y = top; y < top + height; y++) {
      fillNormal(row, draw);
      out.set(row.subarray(0, width * 3), at + (y * size + left) * 3);
    }
    return;
  }
}

/** Standard normal noise (Box-Muller), two values from two words: half of what `Random.normal` takes, as fine as noise need be. */
function fillNormal(out: Float32Array, draw: Random): void {
  for (let k = 0; k < out.length; k += 2) {
    const radius = Math.sqrt(-2 * Math.log((draw.bits() + 1) / 4294967296));
    const angle = draw.bits() * (Math.PI / 2147483648);
    out[k] = radius * Math.cos(angle);
    out[k + 1] = radius * Math.sin(angle);
  }
}
