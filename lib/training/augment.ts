import { check } from '../errors.js';
import { batchSize, evalView } from './cleanView.js';
import { type IconAugment, iconView } from './iconView.js';
import { type ImagenetAugment, imagenetView } from './imagenetView.js';
import { type Random, random } from './random.js';

/** One clean view (`evalView`). */
export interface NoAugment {
  preset: 'none';
}

export type AugmentOptions = NoAugment | IconAugment | ImagenetAugment;

/** The random numbers of the picture at position i of a batch. */
export const viewDraw = (seed: number, stream: string, position: number, step: number): Random =>
  random(seed, `${stream}/${position}`, step);

/**
 * Training views, normalised with CLIP's mean and standard deviation. The draws of the picture at position i of the
 * batch are keyed by (seed, stream, i, step) alone.
 * @param pixels uint8 RGB [N, size, size, 3]
 * @param first position of the first picture. Default 0
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
  first = 0,
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
    const draw = viewDraw(seed, stream, first + i, step);
    const from = i * size * size * 3;
    const at = i * to * to * 3;
    if (options.preset === 'icon') iconView(pixels, from, size, out, at, to, options, draw);
    else imagenetView(pixels, from, size, out, at, to, options, draw);
  }
  return out;
}
