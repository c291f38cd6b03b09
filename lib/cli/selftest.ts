import { type Command, Option } from 'commander';
import { expectFilePlace } from '../files/expectPath.js';
import { integer, lazily } from './options.js';
import { lookAt } from './paths.js';

const expectReport = (path: string): void => expectFilePlace(path, '--json', 'the report');

/** Adds `vl-ltr selftest`. */
export function register(program: Command): void {
  program
    .command('selftest')
    .description("check the kernels of this machine's card, or of its processor, against references in float64")
    .addOption(
      new Option(
        '--device <device>',
        "auto: the card's, skipped where there is none; cuda: that is a failure; cpu: the processor's",
      )
        .choices(['auto', 'cuda', 'cpu'])
        .env('VLLTR_DEVICE')
        .default('auto'),
    )
    .option('--card <n>', 'which card', integer, 0)
    .option(
      '--op <name...>',
      'these ops alone: adamw, anchor-attention, contrastive; on a card hosted and product, too',
    )
    .option('--seed <n>', 'seed of the inputs (default: another one each time)', integer)
    .option('--bench', 'take timings too (of a card; `npm run bench` in a clone has those of a processor)')
    .option('--json <file>', 'write the report as JSON')
    .addHelpText(
      'after',
      '\nExits 1 if a check fails. Of a processor each instruction set that it has is checked in a process of its own;' +
        '\nVLLTR_ISA names one alone. It takes no compiler: what is checked is what is installed.',
    )
    .action(
      lazily(
        () => import('./actions/selftest.js'),
        ({ json }) => lookAt([json, expectReport]),
      ),
    );
}
