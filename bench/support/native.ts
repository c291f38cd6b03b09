import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageFolder } from '../../lib/runtime/paths.js';
import type { Peak } from './figures.js';
import type { Command } from './participant.js';

const FOLDER = 'build/native-bench';

/** The program of native/bench with a job. `buildNative` makes it. */
export const native = (...args: string[]): Command => ({
  command: join(packageFolder(), FOLDER, 'native/bench/vlltr_bench'),
  args,
});

/** Builds native/bench's program; says why not where it cannot be had. */
export function buildNative(): string | undefined {
  const steps = [
    ['-S', '.', '-B', FOLDER, '-DVLLTR_BENCH=ON'],
    ['--build', FOLDER, '--parallel', '--target', 'vlltr_bench'],
  ];
  for (const args of steps) {
    const { status, error, stderr } = spawnSync('cmake', args, { cwd: packageFolder(), encoding: 'utf8' });
    if (status !== 0) return `native/bench cannot be built: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  }
  return undefined;
}

/** Measures this machine's peaks. */
export function measurePeak(): Peak {
  const { command, args } = native('peak');
  const { status, error, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the peaks cannot be measured: ${error?.message ?? stdout.trim()}`);
  return JSON.parse(stdout) as Peak;
}
