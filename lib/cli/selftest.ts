import { type Command, Option } from 'commander';
import { integer, lazily } from './options.js';

/** Adds `vl-ltr selftest`. */
export function register(program: Command): void {
  program
    .command('selftest')
    .description("check the CUDA kernels on this machine's card against references in float64")
    .addOption(
      new Option('--device <device>', 'auto: skipped where there is no card; cuda: that is a failure; cpu: skipped')
        .choices(['auto', 'cuda', 'cpu'])
        .env('VLLTR_DEVICE')
        .default('auto'),
    )
    .option('--card <n>', 'which card', integer, 0)
    .option('--op <name...>', 'these ops alone, such as adamw')
    .option('--seed <n>', 'seed of the inputs (default: another one each time)', integer)
    .option('--bench', 'take timings too')
    .option('--json <file>', 'write the report as JSON')
    .addHelpText(
      'after',
      '\nExits 1 if a check fails. The CPU kernels are checked by `npm run test:native` in a clone.',
    )
    .action(lazily(() => import('./actions/selftest.js')));
}
