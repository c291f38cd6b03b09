import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

export const COLOURS = { coal: '#181818', fire_engine: '#d02020', grass: '#20b030' };

/** Writes a user's folder: one colour a class, `counts` pictures of each in train, two in every other named split. */
export async function writePictures(
  folder: string,
  counts: readonly number[],
  splits: readonly string[],
): Promise<void> {
  for (const split of splits)
    for (const [c, [label, background]] of Object.entries(COLOURS).entries()) {
      mkdirSync(join(folder, split, label), { recursive: true });
      for (let i = 0; i < (split === 'train' ? counts[c]! : 2); i++)
        await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
          .png()
          .toFile(join(folder, split, label, `${i}.png`));
    }
}
