import { pictureKernels } from '../runtime/pictureKernels.js';

/** Mean and standard deviation of CLIP's training pictures, RGB in 0 … 1. */
export const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
export const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const;

/** Value of a byte in each channel after normalisation: [3, 256]. */
const NORMALISED = Float32Array.from(
  { length: 768 },
  (_, i) => ((i & 255) / 255 - CLIP_MEAN[i >> 8]!) / CLIP_STD[i >> 8]!,
);
/** The same as v·gain + bias. */
export const GAIN = CLIP_STD.map((std) => 1 / (255 * std));
export const BIAS = CLIP_MEAN.map((mean, c) => -mean / CLIP_STD[c]!);

/**
 * Normalises whole pixels into `out` from element `to` on: by the addon, or by TypeScript with the same bits.
 * @param bytes RGB
 */
export function normalise(
  bytes: Uint8Array | Uint8ClampedArray,
  out: Float32Array,
  to: number,
  kernels = pictureKernels(),
): void {
  if (kernels) {
    kernels.normaliseView(bytes, NORMALISED, out.subarray(to, to + bytes.length));
    return;
  }
  for (let i = 0; i < bytes.length; i += 3) {
    out[to + i] = NORMALISED[bytes[i]!]!;
    out[to + i + 1] = NORMALISED[256 + bytes[i + 1]!]!;
    out[to + i + 2] = NORMALISED[512 + bytes[i + 2]!]!;
  }
}
