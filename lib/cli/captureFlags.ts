import { type Command, Option } from 'commander';
import type { TrainOptions } from '../stages/options.js';

/** How updates run: as one TensorFlow function or op by op, and in which arithmetic. */
export type CaptureFlags = Pick<TrainOptions, 'capture' | 'precision' | 'xla'>;

/** Adds the options. */
export function captureFlags(command: Command): Command {
  return command
    .optionsGroup('Updates:')
    .addOption(
      new Option(
        '--capture <mode>',
        'an update as one TensorFlow function: where it can be, or refuse (on), or never (default: auto)',
      ).choices(['auto', 'on', 'off']),
    )
    .addOption(
      new Option(
        '--precision <kind>',
        'of products in captured updates (refused without); bf16 is faster, parameters stay float32 (default: fp32)',
      ).choices(['fp32', 'bf16']),
    )
    .option('--xla', 'captured updates are compiled by XLA (slow to begin; pays on a GPU, if anywhere)');
}

/** Options of a training with what the command line says of this instead. */
export const withCaptureFlags = <T extends CaptureFlags>(options: T, flags: CaptureFlags): T => ({
  ...options,
  capture: flags.capture ?? options.capture,
  precision: flags.precision ?? options.precision,
  xla: flags.xla ?? options.xla,
});
