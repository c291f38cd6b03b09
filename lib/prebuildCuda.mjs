// Lays out the package vl-ltr-cuda-<platform>-<arch>: the addon with CUDA kernels, prebuilt. Installed beside vl-ltr, whose
// exact version it has, it serves where there is a card (bindings/cudaPackage.ts).
// Usage: npm run prebuilds:cuda -- --out FOLDER     (then `npm pack` there; needs nvcc)
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc, NVCC_PLACES } from '../native/cuda/find_nvcc.mjs';
import { checkPortable } from './portable.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What NVIDIA's static runtime calls is in libc.so itself from here on. */
const OLDEST_GLIBC = '2.34';

const at = process.argv.indexOf('--out');
if (at < 0 || !process.argv[at + 1]) {
  process.stderr.write('usage: node lib/prebuildCuda.mjs --out FOLDER\n');
  process.exit(2);
}
if (!findNvcc()) throw new Error(`there is no nvcc (looked for in ${NVCC_PLACES})`);
const out = resolve(process.argv[at + 1]);
const { version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { CUDA_PACKAGE: name } = await import('../dist/bindings/cudaPackage.js');
await import('../native/cuda/build.mjs');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const addon = join(out, 'vl_ltr.node');
copyFileSync(join(root, 'build/native-cuda/Release/vl_ltr.node'), addon);
checkPortable(addon, OLDEST_GLIBC);
copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));
const manifest = {
  name,
  version,
  description: 'CUDA kernels of vl-ltr, prebuilt',
  license: 'SEE LICENSE IN README.md',
  os: [process.platform],
  cpu: [process.arch],
  engines,
  files: ['vl_ltr.node', 'LICENSE'],
};
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(
  join(out, 'README.md'),
  `# ${name}

The native addon of vl-ltr ${version} with its CUDA kernels. vl-ltr of the same version loads it where there is an NVIDIA
card of compute capability 8.0 or later, NVIDIA's driver 580 or later, and glibc ${OLDEST_GLIBC} or later.

Licence: ${license}. The addon holds NVIDIA's CUDA runtime library (cudart), Copyright NVIDIA Corporation, distributed under
the End User License Agreement of the CUDA Toolkit (https://docs.nvidia.com/cuda/eula/).
`,
);
process.stderr.write(`prebuilds: ${name} ${version} in ${out}\n`);
