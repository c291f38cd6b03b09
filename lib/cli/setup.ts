import type { Command } from 'commander';
import { needsTensorFlow, resolveChoice } from '../runtime/choice.js';
import { oneLine } from '../runtime/layout.js';
import { type SetupReport, setup } from '../runtime/setup.js';
import { print } from './terminal.js';

export interface SetupCommand {
  cuda?: boolean;
  json?: boolean;
  /** Say nothing when everything was there. */
  quietIfUnchanged?: boolean;
}

/**
 * The command `vl-ltr setup`. A TensorFlow that cannot be had is one line on stderr and no failure, since wasm serves —
 * unless it was asked for (`--cuda`, or forced by `VLLTR_BACKEND`, `VLLTR_KERNELS`, `VLLTR_DEVICE`).
 * @returns the exit code
 */
export async function runSetup(options: SetupCommand): Promise<number> {
  const choice = resolveChoice();
  const cuda = options.cuda ?? choice.device === 'cuda';
  // `--cuda` beats the environment, as every option does.
  if (!options.cuda && (choice.backend === 'wasm' || choice.backend === 'cpu')) {
    if (!options.quietIfUnchanged) say(`VLLTR_BACKEND is ${choice.backend}: TensorFlow is not needed.`);
    if (options.json) print({ ok: true, skipped: choice.backend });
    return 0;
  }
  try {
    const report = await setup({ cuda });
    if (!(report.unchanged && options.quietIfUnchanged)) say(describe(report));
    if (options.json) print({ ok: true, ...report });
    return 0;
  } catch (error) {
    const forced = cuda || needsTensorFlow(choice);
    const cost = options.cuda
      ? ' Until then the CPU computes, the same results.'
      : forced
        ? ''
        : ' The wasm backend serves instead: the same results, several times slower.';
    say(`TensorFlow is not set up: ${oneLine(error)}${cost}`);
    if (options.json) print({ ok: false, cause: oneLine(error), fallback: forced ? null : 'wasm' });
    return forced ? 1 : 0;
  }
}

function describe(report: SetupReport): string {
  const { layout, binding } = report.seconds;
  const untested =
    report.variant === 'cuda' && report.device === 'cpu'
      ? ' CUDA: laid out and loaded on the CPU, untested on a device.'
      : '';
  const times = report.unchanged ? 'was ready' : `ready (${(layout + binding).toFixed(1)} s)`;
  return `TensorFlow ${report.tensorflow} ${times} in ${report.folder}.${untested}`;
}

function say(line: string): void {
  process.stderr.write(`setup: ${line}\n`);
}

/** Adds `vl-ltr setup`. */
export function register(program: Command): void {
  program
    .command('setup')
    .description('bring TensorFlow 2.21 into the cache folder and prove that it computes')
    .option('--cuda', 'the CUDA 12 build and its libraries (3.3 GB) instead of the CPU build')
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      `
Downloads once, checks each file's hash, unpacks what is needed, builds TensorFlow.js's binding with g++ and multiplies
two matrices in a process of its own. Safe to interrupt and to run again: it begins anew and removes what was half done.
Without pip, compiler or network the wasm backend serves. On two cores at 50 MB/s:

             fetched    on disk    time
  CPU        274 MB     0.86 GB    40 s
  --cuda     3.31 GB    5.12 GB    2 to 4 min; needs 7 GB free, and NVIDIA's driver 525 or later to use a GPU

The CUDA build serves on the CPU too; a plain set-up then fetches nothing more. It is untested on a device.

  VLLTR_TENSORFLOW_DIR    a libtensorflow you have: the folder "tensorflow" of an installed wheel, or an unpacked archive
  VLLTR_TENSORFLOW_WHEEL  the wheel as a file or URL, where there is no pip
  PIP_FIND_LINKS          a folder of wheels for pip, where there is no network (pip reads all its own variables)
  XDG_CACHE_HOME          where the cache folder vl-ltr is (default ~/.cache)`,
    )
    .action(async (options: SetupCommand) => {
      process.exitCode = await runSetup(options);
    });
}
