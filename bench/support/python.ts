import { join } from 'node:path';
import { packageFolder } from '../../lib/runtime/paths.js';
import type { Command } from './participant.js';

/** A participant in PyTorch: `VLLTR_BENCH_PYTHON` (default python3) runs a script of bench/, which finds bench/pytorch. */
export function python(script: string, env: NodeJS.ProcessEnv = {}): Command {
  return {
    command: process.env.VLLTR_BENCH_PYTHON ?? 'python3',
    args: [join(packageFolder(), 'bench', script)],
    env: {
      PYTHONPATH: join(packageFolder(), 'bench/pytorch'),
      PYTHONDONTWRITEBYTECODE: '1',
      // Its threads sleep at once when they have nothing to do, instead of spinning into the next contender's turn.
      OMP_WAIT_POLICY: 'PASSIVE',
      KMP_BLOCKTIME: '0',
      ...env,
    },
  };
}
