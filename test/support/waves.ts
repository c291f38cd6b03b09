import type { Pixels } from '../../lib/training/wholePicture.js';

/** Waves with edges in them: the pictures of `test/reference/pictures.py`. */
export function waves(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        const wave = (x * (7 + 2 * c) + y * (11 - 3 * c)) % 200;
        const edge = (Math.floor(x / 5) + Math.floor(y / 7) + c) % 3 === 0 ? 90 : 0;
        data[at++] = Math.min(255, Math.abs(wave - 100) + edge + ((x * y * (c + 1)) % 17));
      }
  return { data, width, height };
}
