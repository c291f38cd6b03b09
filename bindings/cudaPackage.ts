import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The package that carries the addon with CUDA kernels for this platform (`npm run prebuilds:cuda` makes it). */
export const CUDA_PACKAGE = `vl-ltr-cuda-${process.platform}-${process.arch}`;

/** What is installed of it: the addon, or why that one cannot serve; nothing where it is not installed. */
export interface CudaPackage {
  readonly addon?: string;
  readonly mismatch?: string;
}

/**
 * Looks for the CUDA package beside this one. It has to be of the same version: the two sides of the contract are compared
 * when they are built, not when they meet.
 * @param version of this package
 */
export function cudaPackage(
  version: string,
  resolve: (id: string) => string = createRequire(import.meta.url).resolve,
): CudaPackage {
  let folder: string;
  try {
    folder = dirname(resolve(`${CUDA_PACKAGE}/package.json`));
  } catch {
    return {};
  }
  const found = (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
  if (found !== version) {
    return { mismatch: `${CUDA_PACKAGE} ${found} is installed beside vl-ltr ${version}, expected the same version` };
  }
  const addon = join(folder, 'vl_ltr.node');
  return existsSync(addon) ? { addon } : { mismatch: `${CUDA_PACKAGE} has no vl_ltr.node` };
}
