import { type AugmentOptions, augment } from './augment.js';
import { batchSize, evalView } from './cleanView.js';
import { normalise } from './normalise.js';
import { fiveCrops } from './wholePicture.js';

/** How a picture is decoded for a training view. */
export const DECODINGS = ['fast', 'exact'] as const;
/**
 * `exact`: whole, then Pillow's antialiased bicubic. `fast`: a JPEG much larger than its view asks for is shrunk by 2, 4 or 8
 * as it is decoded, never below the view's size.
 */
export type Decoding = (typeof DECODINGS)[number];

/** What is made of pictures. The draws of the one at position i are keyed by (seed, stream, i, step) alone. */
export type View =
  | { kind: 'train'; augment: AugmentOptions; decode: Decoding; seed: number; step: number; stream: string }
  /** `evalView`: one, of the centre. `standIn`: training pictures that cannot be read are replaced, as in training. */
  | { kind: 'clean'; standIn?: boolean }
  /** The four corners and the centre of the picture, its short side scaled to `fiveCropResize`. */
  | { kind: 'five' };

/** What the shorter side goes to before five crops of `to` pixels are cut (METHOD.md: 224 + 24 for 224). */
export const fiveCropResize = (to: number): number => to + Math.round((to * 24) / 224);

/** Views of each picture. */
export const viewsEach = ({ kind }: { kind: View['kind'] }): number => (kind === 'five' ? 5 : 1);

/** Five crops, normalised, [5, to, to, 3]. @param crops RGB [to, to, 3] each */
export function normalisedCrops(crops: readonly Uint8Array[], to: number): Float32Array {
  const each = to * to * 3;
  const out = new Float32Array(crops.length * each);
  for (const [k, crop] of crops.entries()) normalise(crop, out, k * each);
  return out;
}

/**
 * Views of square pictures in memory, normalised.
 * @param pixels uint8 RGB [N, size, size, 3]
 * @param first position of the first picture. Default 0
 * @returns [N·viewsEach, to, to, 3]
 */
export function squareViews(pixels: Uint8Array, size: number, to: number, view: View, first = 0): Float32Array {
  if (view.kind === 'clean') return evalView(pixels, size, to);
  if (view.kind === 'train') return augment(pixels, size, to, view.augment, view.seed, view.step, view.stream, first);
  const n = batchSize(pixels, size);
  const bytes = size * size * 3;
  const out = new Float32Array(n * 5 * to * to * 3);
  for (let i = 0; i < n; i++) {
    const data = pixels.subarray(i * bytes, (i + 1) * bytes);
    const crops = fiveCrops({ data, width: size, height: size }, fiveCropResize(to), to);
    out.set(normalisedCrops(crops, to), i * 5 * to * to * 3);
  }
  return out;
}
