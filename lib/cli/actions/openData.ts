import { openIconLt } from '../../data/iconLt/index.js';
import { openPictures } from '../../data/openPictures.js';
import type { LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { evalResize } from '../../training/cleanView.js';
import type { DataFlags } from '../dataFlags.js';
import { iconLtClasses } from '../dataName.js';
import { lazyBar, say } from '../terminal.js';

/**
 * `icon-lt`, `icon-lt-100`, `icon-lt-1000`, or pictures of one's own.
 * @param imageSize what the model takes
 * @param holdOut share of every class's training pictures that validates, where there is no val; always the same
 * pictures, whatever the run's seed: a later stage must not validate on what an earlier one trained on
 * @param how the layout, texts and shot groups, as the command line says them
 */
export async function openData(
  name: string,
  imageSize: number,
  holdOut = 0,
  how: DataFlags = {},
): Promise<LongTailData> {
  const classes = iconLtClasses(name);
  // Photographs are kept larger than the model takes them, so that views are cut out of them.
  const opened = { ...how, imageSize: evalResize(imageSize), holdOut };
  const data = classes === undefined ? await openPictures(name, opened) : await drawnIcons(classes);
  check(data.classes.length >= 2, 'ERR_DATA', () => `${name} has one class, ${data.classes[0]}; expected two or more`);
  if (holdOut > 0 && !data.heldOut) {
    say(`${data.name}: nothing is held out, ${data.val ? 'it has a split val' : 'its classes have too few pictures'}`);
  }
  return data;
}

async function drawnIcons(classes: number): Promise<LongTailData> {
  const drawing = lazyBar();
  const data = await openIconLt({ classes, onProgress: drawing.onProgress });
  drawing.end();
  return data;
}
