import { type Command, InvalidArgumentError, Option } from 'commander';

/** Options every training command takes. */
export interface RunOptions {
  run: string;
  seed: number;
  resume?: boolean;
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function integer(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError('expected an integer ≥ 0');
  return n;
}

export function natural(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1) throw new InvalidArgumentError('expected an integer ≥ 1');
  return n;
}

export function nonNegative(text: string): number {
  const n = Number(text);
  if (text.trim() === '' || !(n >= 0 && Number.isFinite(n))) throw new InvalidArgumentError('expected a number ≥ 0');
  return n;
}

export function positive(text: string): number {
  const n = Number(text);
  if (!(n > 0 && Number.isFinite(n))) throw new InvalidArgumentError('expected a number > 0');
  return n;
}

export function share(text: string): number {
  const n = Number(text);
  if (!(n >= 0 && n <= 1)) throw new InvalidArgumentError('expected a number from 0 to 1');
  return n;
}

const holdOutShare = (text: string): number => {
  const n = Number(text);
  if (text.trim() === '' || !(n >= 0 && n <= 0.5)) throw new InvalidArgumentError('expected a number from 0 to 0.5');
  return n;
};

/** `--hold-out <share>`. */
export const holdOutOption = (
  what = "share of every class's training pictures that validates, in a folder without val",
) => new Option('--hold-out <share>', what).argParser(holdOutShare);

/** `--force`, which excludes `--resume`. */
export const forceOption = (what: string): Option =>
  new Option('--force', `replace ${what} that the folder holds`).conflicts('resume');

/** Adds the options that every training command takes. */
export function runOptions(command: Command, defaultRun: string): Command {
  return command
    .option('--run <dir>', 'folder of the run', defaultRun)
    .option('--seed <n>', 'seed of every random draw', integer, 0)
    .option('--resume', 'go on from the last good checkpoint in the run folder')
    .addOption(forceOption(`the ${command.name()} run`))
    .option('--dry-run', 'print the configuration and stop')
    .option('--json', 'print the outcome as JSON on stdout');
}

/**
 * An action that loads its module, and with it TensorFlow.js and whatever else it needs, only when it runs: help and
 * mistakes in the command line are answered at once.
 */
export const lazily =
  <A extends unknown[]>(load: () => Promise<{ run: (...args: A) => Promise<void> }>) =>
  async (...args: A): Promise<void> =>
    (await load()).run(...args);
