import { join } from 'node:path';
import sharp from 'sharp';
import { random } from '../../lib/random.js';
import type { Size } from '../../lib/training/wholePicture.js';

/** A picture with the spectrum of a photograph, roughly: waves of many lengths, the long ones high, an edge, and grain. */
function photograph(seed: number, width: number, height: number): Buffer {
  const draw = random(0, 'photograph', seed);
  const waves = Array.from({ length: 8 }, (_, k) => {
    const angle = 2 * Math.PI * draw.uniform();
    const turns = 2 ** (k / 1.3) / width;
    return { x: turns * Math.cos(angle), y: turns * Math.sin(angle), at: draw.uniform(), high: 52 / (1 + k) };
  });
  const tint = [draw.uniform(), draw.uniform(), draw.uniform()];
  const edge = width * (0.3 + 0.4 * draw.uniform());
  const out = Buffer.allocUnsafe(width * height * 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let light = x + 0.3 * y < edge ? 105 : 140;
      for (const wave of waves) light += wave.high * Math.sin(2 * Math.PI * (wave.x * x + wave.y * y + wave.at));
      light += (draw.bits() & 15) - 8;
      for (let c = 0; c < 3; c++) out[at++] = Math.max(0, Math.min(255, light * (0.7 + 0.6 * tint[c]!)));
    }
  return out;
}

/**
 * Writes JPEGs of quality 90, `0.jpg` …; every eighth is a photograph of its own, the others turned and cut out of it.
 * @returns bytes of all
 */
export async function writePhotographs(folder: string, pictures: number, { width, height }: Size): Promise<number> {
  let bytes = 0;
  let whole: Buffer = Buffer.alloc(0);
  const raw = { width: width + 80, height: height + 80, channels: 3 } as const;
  for (let i = 0; i < pictures; i++) {
    if (i % 8 === 0) whole = photograph(i, raw.width, raw.height);
    const { size } = await sharp(whole, { raw })
      .extract({ left: (i % 8) * 10, top: 80 - (i % 8) * 10, width, height })
      .flop(i % 2 === 1)
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i}.jpg`));
    bytes += size;
  }
  return bytes;
}
