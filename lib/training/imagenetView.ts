import { eraseBox } from './erasing.js';
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
  const mirrored = draw.uniform() < flip;
  let view = resampleBicubic(pixels, from, width, box, to, to, mirrored);
  if (options.randAugment !== false) view = randAugment(view, to, options.randAugment ?? {}, draw);
  normalise(view, out, at);
  if (draw.uniform() < erase) eraseBox(out.subarray(at, at + view.length), to, draw);
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
