import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { CudaInfo } from '../../bindings/cuda.js';
import { addonCandidates } from '../../bindings/load.js';

/** The oldest driver that the kernels' CUDA 13 runs on; what TensorFlow's CUDA 12 wants is less. */
export const LEAST_DRIVER = 580;

const NONE: CudaInfo = { built: false, cards: [], checked: [] };

/**
 * The cards that the CUDA kernels see, those of the addon that would be taken where there is a card: asked for in a process
 * of its own, since a driver that hangs or crashes is then an answer too. Never throws.
 */
export function probeCards(
  path = addonCandidates(process.env, true).find((candidate) => existsSync(candidate)),
): CudaInfo {
  if (!path) return { ...NONE, why: 'the native addon is not there' };
  const code = 'process.stdout.write(JSON.stringify(require(process.argv[1]).cuda()))';
  const { status, signal, error, stdout, stderr } = spawnSync(process.execPath, ['-e', code, path], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status === 0) return JSON.parse(stdout) as CudaInfo;
  const last = stderr?.trim().split('\n').at(-1);
  return { ...NONE, why: `asking the driver failed: ${error?.message ?? signal ?? last ?? status}` };
}

/** One phrase a card. */
export function describeCards({ built, cards, why }: CudaInfo): string {
  const list = cards.map(
    ({ name, capability, memory, driver }) =>
      `${name} (${Math.round(memory / 2 ** 30)} GiB, compute capability ${capability}, driver for CUDA ${driver})`,
  );
  if (list.length > 0) return list.join(', ');
  return built ? `kernels built, no card: ${why}` : `no kernels: ${why}`;
}
