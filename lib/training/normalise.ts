/** Mean and standard deviation of CLIP's training pictures, RGB in 0 … 1. */
export const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
export const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const;

/** Value of a byte in each channel after normalisation: [3][256]. */
const NORMALISED = CLIP_MEAN.map((mean, c) =>
  Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / CLIP_STD[c]!),
);
/** The same as v·gain + bias. */
export const GAIN = CLIP_STD.map((std) => 1 / (255 * std));
export const BIAS = CLIP_MEAN.map((mean, c) => -mean / CLIP_STD[c]!);

/** Normalises bytes into `out` from element `to` on. */
export function normalise(bytes: ArrayLike<number>, from: number, count: number, out: Float32Array, to: number): void {
  const [r, g, b] = NORMALISED as [Float32Array, Float32Array, Float32Array];
  for (let i = 0; i < count; i += 3) {
    out[to + i] = r[bytes[from + i]!]!;
    out[to + i + 1] = g[bytes[from + i + 1]!]!;
    out[to + i + 2] = b[bytes[from + i + 2]!]!;
  }
}
