import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where nvcc is looked for, in order; for messages. */
export const NVCC_PLACES = 'CUDACXX, PATH, CUDA_HOME/bin, /usr/local/cuda/bin';

/**
 * NVIDIA's compiler, or undefined. `CUDA_HOME` is a toolkit, or the folder nvidia/cu13 which PyPI's wheels
 * nvidia-cuda-nvcc, nvidia-cuda-crt, nvidia-nvvm and nvidia-cuda-runtime unpack into.
 */
export function findNvcc(env = process.env, runs = executable) {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  if (env.CUDA_HOME) folders.push(join(env.CUDA_HOME, 'bin'));
  folders.push('/usr/local/cuda/bin');
  const candidates = folders.map((folder) => join(folder, 'nvcc'));
  if (env.CUDACXX) candidates.unshift(env.CUDACXX);
  return candidates.find(runs);
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
