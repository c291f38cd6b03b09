import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { openFolder } from '../../lib/data/openPictures.js';
import { ready } from '../../lib/runtime/ready.js';
import { writePictures } from './pictures.js';
import { tinyClip } from './tinyClip.js';

/** Options of a training that takes seconds. */
export const FAST = [
  '--batch',
  '16',
  '--lr',
  '0.01',
  '--batch-norm',
  'train',
  '--augment',
  'none',
  '--evaluate-every',
  '0',
];

/** A folder for the commands of a test file, removed after its tests. */
export function workspace(name: string) {
  const root = mkdtempSync(join(tmpdir(), `vl-ltr-${name}-`));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const at = (...names: string[]): string => join(root, ...names);
  return {
    /** A path in it. */
    at,
    json: (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8')),
    /** Begins with the tiny CLIP. */
    from: (): string[] => ['--from', at('clip.safetensors')],
    /** Writes pictures in `split` (train, val and test) and a tiny CLIP for them, `clip.safetensors`. */
    async fill(): Promise<void> {
      await ready({ backend: 'cpu', kernels: 'tfjs' });
      await writePictures(at('split'), [8, 4, 2], ['train', 'val', 'test']);
      const data = await openFolder(at('split'), { imageSize: 16 });
      const model = tinyClip(data);
      await saveClip(at('clip.safetensors'), model.config, model.params);
      model.dispose();
    },
  };
}
