// Builds the addon with CUDA kernels, build/native-cuda/Release/vl_ltr.node, where there is nvcc; says so where not, which
// fails with --required.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findNvcc, NVCC_PLACES } from './find_nvcc.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const nvcc = findNvcc();
if (!nvcc) {
  process.stderr.write(`no CUDA kernels are built: there is no nvcc (looked for in ${NVCC_PLACES})\n`);
  if (process.argv.includes('--required')) process.exit(1);
} else {
  const tool = `${root}node_modules/cmake-js/bin/cmake-js`;
  const options = ['--out', 'build/native-cuda', '--CDVLLTR_CUDA=ON', `--CDCMAKE_CUDA_COMPILER=${nvcc}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, 'build', ...options], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}`);
    process.exit(1);
  }
  process.stderr.write('CUDA kernels built in build/native-cuda\n');
}
