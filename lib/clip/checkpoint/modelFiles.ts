import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expectPath } from '../../files/expectPath.js';

/** Files of a model in its folder, as their makers name them; the first that is there is taken. */
export const MODEL_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'open_clip_model.safetensors',
  'pytorch_model.bin',
  'open_clip_pytorch_model.bin',
] as const;

/** The model file that a folder holds, if it holds one. */
export const modelFileIn = (folder: string): string | undefined =>
  MODEL_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));

/** Refuses a path without a checkpoint. @throws VlltrError ERR_CHECKPOINT */
export const expectCheckpoint = (path: string): void => expectPath(path, 'a checkpoint', 'ERR_CHECKPOINT');
