// Lays out the package vl-ltr-cuda-<platform>-<arch>: the addon with CUDA kernels, prebuilt. Installed beside vl-ltr, whose
// exact version it has, it serves where there is a card (bindings/cudaPackage.ts).
// Usage: npm run prebuilds:cuda -- --out FOLDER     (then `npm pack` there; needs nvcc)
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCuda } from '../native/cuda/build.mjs';
import { checkPtxas } from '../native/cuda/check_ptxas.mjs';
import { NVCC_PLACES } from '../native/cuda/find_nvcc.mjs';
import { checkPortable } from './portable.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What NVIDIA's static runtime calls is in libc.so itself from here on. */
const OLDEST_GLIBC = '2.34';
/**
 * Cards that find their own code in the package. That of 8.0 serves 8.6 and 8.9 as it is: code of their own has the same
 * instructions to 0.1 %, in another order, and would be as large again. Later cards compile PTX of 8.0 when they first need
 * it, to code of the same size as from PTX of their own; but that took 14 s for one of 17 files, so those there are have theirs.
 */
const TARGETS = '80;90a;100;120';

/** Makes `folder` the package around `addon`, of this version or another. */
export async function layCudaPackage(folder, addon, version = undefined) {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { CUDA_PACKAGE: name } = await import('../dist/bindings/cudaPackage.js');
  const manifest = {
    name,
    version: version ?? own.version,
    description: 'CUDA kernels of vl-ltr, prebuilt',
    license: 'SEE LICENSE IN README.md',
    ...(own.repository && { repository: own.repository }),
    os: [process.platform],
    cpu: [process.arch],
    engines: own.engines,
    files: ['vl_ltr.node', 'LICENSE', 'NOTICE'],
  };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, join(folder, 'vl_ltr.node'));
  for (const name of ['LICENSE', 'NOTICE']) copyFileSync(join(root, name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}

The native addon of vl-ltr ${manifest.version} with its CUDA kernels. vl-ltr of the same version loads it where there is an
NVIDIA card of compute capability 8.0 or later, NVIDIA's driver 580 or later, and glibc ${OLDEST_GLIBC} or later.

Licence: ${own.license}. The addon holds NVIDIA's CUDA runtime library (cudart), Copyright NVIDIA Corporation, distributed under
the End User License Agreement of the CUDA Toolkit (https://docs.nvidia.com/cuda/eula/).
`,
  );
  return `${name} ${manifest.version}`;
}

async function main() {
  const at = process.argv.indexOf('--out');
  if (at < 0 || !process.argv[at + 1]) {
    process.stderr.write('usage: node lib/prebuildCuda.mjs --out FOLDER\n');
    process.exit(2);
  }
  const build = 'build/prebuild-cuda';
  const addon = buildCuda(build, TARGETS);
  if (!addon) throw new Error(`there is no nvcc (looked for in ${NVCC_PLACES})`);
  // The tests compile for two of these targets: what another's kernels spill is seen here first.
  const { ok, text } = checkPtxas([join(root, build)]);
  if (!ok) throw new Error(`the kernels are not as they have to be:\n${text}`);
  checkPortable(addon, OLDEST_GLIBC);
  const folder = resolve(process.argv[at + 1]);
  process.stderr.write(`prebuilds: ${await layCudaPackage(folder, addon)} in ${folder}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
