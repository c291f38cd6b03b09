import { openFolder } from '../../data/folder.js';
import { openIconLt } from '../../data/iconLt/index.js';
import type { LongTailData } from '../../data/types.js';
import { iconLtClasses } from '../dataName.js';
import { lazyBar } from '../terminal.js';

/** `icon-lt`, `icon-lt-100`, `icon-lt-1000`, or a folder of pictures. */
export async function openData(name: string, imageSize: number): Promise<LongTailData> {
  const classes = iconLtClasses(name);
  if (classes === undefined) return openFolder(name, { imageSize });
  const drawing = lazyBar();
  const data = await openIconLt({ classes, onProgress: drawing.onProgress });
  drawing.end();
  return data;
}
