import sharp from 'sharp';
import { check } from '../errors.js';

/** Pictures larger than this (px) are scaled down: none is shown larger. */
const LARGEST = 192;

/**
 * A picture as a PNG data URI, at its own size; small ones are scaled up by CSS.
 * @param pixels uint8 RGB, row-major [size, size, 3]
 * @throws VlltrError ERR_ARGUMENT where the bytes do not fit the size
 */
export async function pictureUri(pixels: Uint8Array, size: number): Promise<string> {
  check(
    pixels.length === size * size * 3,
    'ERR_ARGUMENT',
    () => `an example's picture has ${pixels.length} bytes, expected ${size}·${size}·3 = ${size * size * 3}`,
  );
  const picture = sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
  if (size > LARGEST) picture.resize(LARGEST, LARGEST);
  const png = await picture.png({ compressionLevel: 9, palette: false }).toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
