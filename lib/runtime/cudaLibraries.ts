import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isFolder } from '../files/folder.js';

/**
 * Where libraries must be found besides the folder of their own wheel, because who opens them has no run path there:
 * libtensorflow_framework knows every folder but cuSOLVER's (its Python modules do), and registers no GPU without it;
 * cuBLAS and cuFFT look for NVRTC beside themselves only.
 */
const ALSO_IN = [
  { library: /^libcusolver\.so\./, from: 'cusolver', into: 'cusparse' },
  { library: /^libnvrtc(-builtins)?\.so\./, from: 'cuda_nvrtc', into: 'cublas' },
  { library: /^libnvrtc(-builtins)?\.so\./, from: 'cuda_nvrtc', into: 'cufft' },
];

/**
 * Adds links to the folder `nvidia` of a layout until all that TensorFlow opens is found on its run paths.
 * @returns the links, relative to the folder
 */
export async function linkCudaLibraries(nvidia: string): Promise<string[]> {
  const made: string[] = [];
  for (const { library, from, into } of ALSO_IN) {
    const source = join(nvidia, from, 'lib');
    const target = join(nvidia, into, 'lib');
    if (!existsSync(source) || !existsSync(target)) continue;
    for (const name of await readdir(source)) {
      if (!library.test(name) || existsSync(join(target, name))) continue;
      await symlink(join('..', '..', from, 'lib', name), join(target, name));
      made.push(join(into, 'lib', name));
    }
  }
  return made;
}

/** Makes a folder like the `nvidia` of NVIDIA's wheels out of links to one, with real folders that links may be added to. */
export async function mirrorCuda(nvidia: string, mirror: string): Promise<void> {
  for (const entry of await readdir(nvidia)) {
    const wheel = await realpath(join(nvidia, entry));
    if (!isFolder(wheel)) continue;
    await mkdir(join(mirror, entry), { recursive: true });
    for (const name of await readdir(wheel)) {
      const target = join(mirror, entry, name);
      if (name !== 'lib') {
        await symlink(join(wheel, name), target);
        continue;
      }
      await mkdir(target);
      for (const file of await readdir(join(wheel, name))) await symlink(join(wheel, name, file), join(target, file));
    }
  }
}
