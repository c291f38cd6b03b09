import { existsSync } from 'node:fs';
import type { Isa } from '../../bindings/addon.js';
import type { SelftestReport } from '../../bindings/cuda.js';
import { addonCandidates } from '../../bindings/load.js';
import { execute } from './execute.js';

const CODE = `const [path, op, seed] = process.argv.slice(1);
const run = async () => require(path).selftest(-1, op, Number(seed), false);
run().then(
  (report) => process.stdout.write(report),
  (error) => {
    process.stderr.write(error.message.split('\\n')[0]);
    process.exitCode = 1;
  },
);`;

/**
 * Checks an op's kernels for an instruction set of this processor, in a process of its own: the addon chooses one once, and
 * kernels that crash are then an answer too. Never throws.
 * @returns what was found, or why nothing was
 */
export async function checkProcessor(
  isa: Isa,
  op: string,
  seed: number,
  path = addonCandidates({ VLLTR_DEVICE: 'cpu' }).find((candidate) => existsSync(candidate)) ?? '',
): Promise<SelftestReport | string> {
  const env = { ...process.env, VLLTR_ISA: isa };
  const { status, output, errors } = await execute(process.execPath, ['-e', CODE, path, op, String(seed)], env);
  if (status === 0) {
    try {
      return JSON.parse(output) as SelftestReport;
    } catch {
      return `the process ended with 0 and printed '${output.slice(0, 80)}'`;
    }
  }
  return errors.trim().split('\n').at(-1) || `the process ended with ${status}`;
}
