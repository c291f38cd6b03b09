import { check, VlltrError } from '../../errors.js';
import { isFolder } from '../../files/folder.js';
import { openFile, readFully } from '../../files/readFully.js';
import { openSafetensors, openShards } from '../../files/safetensorsSource.js';
import type { TensorSource } from '../../files/tensorSource.js';
import { openTorchZip } from '../../files/torch/index.js';
import { openTorchLegacy } from '../../files/torch/legacy.js';
import { expectCheckpoint, MODEL_FILES, modelFileIn } from './modelFiles.js';

/**
 * Opens a checkpoint of any kind that is read, by what its first bytes say; of a folder the model file in it.
 * @throws VlltrError ERR_CHECKPOINT saying what the file is instead
 */
export async function openTensors(path: string): Promise<TensorSource> {
  const file = checkpointFile(path);
  return (await openerOf(file))(file);
}

/**
 * Refuses what is no checkpoint by its first bytes.
 * @throws VlltrError as `openTensors`
 */
export async function expectTensors(path: string): Promise<void> {
  await openerOf(checkpointFile(path));
}

/** The file of a checkpoint, of a folder the model file in it. @throws VlltrError as `openTensors` */
function checkpointFile(path: string): string {
  expectCheckpoint(path);
  const file = isFolder(path) ? modelFileIn(path) : path;
  check(file, 'ERR_CHECKPOINT', () => `${path} holds no model; expected ${MODEL_FILES.join(' or ')}`);
  return file;
}

/** What opens a file, by its first bytes. @throws VlltrError as `openTensors` */
async function openerOf(file: string): Promise<(file: string) => Promise<TensorSource>> {
  if (file.endsWith('.index.json')) return openShards;
  const head = await firstBytes(file);
  if (head.readUInt32LE(0) === 0x04034b50) return openTorchZip;
  if (head[8] === 0x7b) return openSafetensors;
  if (head[0] === 0x80 && head[1]! <= 5) return openTorchLegacy;
  const text = head.toString('latin1');
  const what = text.startsWith('version https://git-lfs')
    ? "a pointer of Git LFS in the place of the file (run 'git lfs pull')"
    : /^\s*</.test(text)
      ? 'a web page'
      : 'of no known kind';
  throw new VlltrError(
    'ERR_CHECKPOINT',
    `${file} is ${what}; expected a checkpoint: safetensors, or a file of torch.save or torch.jit.save`,
  );
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    check(size >= 9, 'ERR_CHECKPOINT', () => `${path} has ${size} bytes; expected a checkpoint`);
    const head = Buffer.alloc(Math.min(64, size));
    await readFully(file, head, 0, path);
    return head;
  } finally {
    await file.close();
  }
}
