// Builds the addon with CUDA kernels where there is nvcc: build/native-cuda/Release/vl_ltr.node; says so where not, which
// fails with --required.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc, NVCC_PLACES } from './find_nvcc.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds the addon and returns its path; undefined where there is no nvcc. What ptxas told of its kernels lies beside the
 * objects, for check_ptxas.mjs.
 * @param targets compute capabilities, "80;90a"; without, those of native/CMakeLists.txt
 * @throws what the compilers said
 */
export function buildCuda(folder = 'build/native-cuda', targets = undefined) {
  const nvcc = findNvcc();
  if (!nvcc) return undefined;
  const tool = join(root, 'node_modules/cmake-js/bin/cmake-js');
  const options = ['--out', folder, '--CDVLLTR_CUDA=ON', `--CDCMAKE_CUDA_COMPILER=${nvcc}`];
  options.push(`--CDCMAKE_CUDA_COMPILER_LAUNCHER=${join(root, 'native/cuda/keep_log.sh')}`);
  if (targets) options.push(`--CDVLLTR_CUDA_TARGETS=${targets}`);
  const { status, error, stdout, stderr } = spawnSync(process.execPath, [tool, 'build', ...options], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(error?.message ?? `${stdout}${stderr}the CUDA kernels cannot be built`);
  return join(root, folder, 'Release/vl_ltr.node');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const addon = buildCuda();
  process.stderr.write(
    addon
      ? `CUDA kernels built: ${addon}\n`
      : `no CUDA kernels are built: there is no nvcc (looked for in ${NVCC_PLACES})\n`,
  );
  if (!addon && process.argv.includes('--required')) process.exit(1);
}
