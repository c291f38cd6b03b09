import { normalise } from './normalise.js';
import { type RandAugmentOptions, randAugment } from './randAugment.js';
import type { Random } from './random.js';
import { type Box, resampleBicubic } from './resample.js';

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

/** Writes the view of the picture at byte `from` to element `at` of `out`. */
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
