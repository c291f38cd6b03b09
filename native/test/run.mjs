// Builds and runs the tests of native/ and bindings/: as shipped (with the CUDA kernels in an emulator, emulator/), under
// AddressSanitizer with UndefinedBehaviorSanitizer, under ThreadSanitizer, and the CUDA kernels, which are compiled,
// looked at as ptxas tells of them and, where there is a card, checked on it.
// Usage: node native/test/run.mjs [plain] [address] [thread] [cuda]     (default: all four)
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPtxas } from '../cuda/check_ptxas.mjs';
import { findNvcc, NVCC_PLACES } from '../cuda/find_nvcc.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sanitizers = { plain: '', address: 'address,undefined', thread: 'thread' };
const builds = [...Object.keys(sanitizers), 'cuda'];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : builds;
/** Exit status of a test that could not be made here. */
const SKIPPED = 77;

/** Runs a command, and stops where it fails, unless with a status of `allowed`. */
function run(command, args, quiet, allowed = []) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: quiet ? 'pipe' : 'inherit',
  });
  if (status === 0 || allowed.includes(status)) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${command} ${error ? error.message : 'failed'}\n`);
  process.exit(1);
}

function build(name, options, target = []) {
  const folder = `build/native-test/${name}`;
  run('cmake', ['-S', '.', '-B', folder, ...options], true);
  run('cmake', ['--build', folder, '--parallel', '2', ...target], true);
  return folder;
}

function cuda() {
  const nvcc = findNvcc();
  if (!nvcc) {
    process.stdout.write(`native tests, cuda: skipped, there is no nvcc (looked for in ${NVCC_PLACES})\n`);
    return;
  }
  const keep = `-DCMAKE_CUDA_COMPILER_LAUNCHER=${root}native/cuda/keep_log.sh`;
  const folder = build(
    'cuda',
    ['-DVLLTR_CUDA=ON', `-DCMAKE_CUDA_COMPILER=${nvcc}`, keep],
    ['--target', 'vlltr_selftest'],
  );
  process.stdout.write(`native tests, cuda (${nvcc})\n`);
  const { ok, text } = checkPtxas([`${folder}/native`]);
  process.stdout.write(`${text}\n`);
  if (!ok) process.exit(1);
  // The same inputs each time, unlike the self-test's own: a change is not to be judged by a draw.
  run(`${folder}/native/selftest/vlltr_selftest`, ['--seed', '20221023'], false, [SKIPPED]);
}

/** The folder of the libraries of a TensorFlow that set-up laid out; undefined where none is, or nothing is compiled. */
async function tensorFlowFolder() {
  const { findLayout } = await import('../../dist/lib/runtime/layout.js').catch(() => ({}));
  const layout = ['cpu', 'user', 'cuda'].map((variant) => findLayout?.(variant)).find(Boolean);
  return layout && join(layout.folder, 'tensorflow');
}

const tensorflow = process.env.VLLTR_TEST_TENSORFLOW ?? (await tensorFlowFolder());
if (tensorflow) process.env.VLLTR_TEST_TENSORFLOW = tensorflow;
for (const name of wanted) {
  if (!builds.includes(name)) {
    process.stderr.write(`no build "${name}", expected: ${builds.join(', ')}\n`);
    process.exit(2);
  }
  if (name === 'cuda') {
    cuda();
    continue;
  }
  const folder = build(name, ['-DVLLTR_TESTS=ON', `-DVLLTR_SANITIZE=${sanitizers[name]}`]);
  process.stdout.write(`native tests, ${name}\n`);
  run('ctest', ['--test-dir', folder, '--output-on-failure'], false);
}
