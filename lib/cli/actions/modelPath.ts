import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modelFileIn } from '../../clip/checkpoint/modelFiles.js';
import { check } from '../../errors.js';
import { expectPath } from '../../files/expectPath.js';
import { isFolder } from '../../files/folder.js';

/**
 * The model file that a run folder or a file name means.
 * @param what it should be, for people
 * @throws VlltrError ERR_DATA
 */
function modelPath(path: string, what: string): string {
  expectPath(path, what);
  if (!isFolder(path)) return path;
  const file = modelFileIn(path);
  check(file, 'ERR_DATA', () => {
    const begun = existsSync(join(path, 'config.json'));
    return `${path} has no model.safetensors${begun ? ': its run has not finished' : `; expected ${what}`}`;
  });
  return file;
}

/** The file of a CLIP model, as `modelPath`. */
export const clipPath = (path: string): string => modelPath(path, 'a CLIP model file or a run of vl-ltr pretrain');

/** That of a classifier. */
export const classifierPath = (path: string): string => modelPath(path, 'a run of vl-ltr finetune');

/** That of a model of any kind. */
export const anyPath = (path: string): string =>
  modelPath(path, 'a run of vl-ltr pretrain, finetune or import, or a checkpoint');
