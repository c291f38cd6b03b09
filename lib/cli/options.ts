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

/** How the command line calls an option. */
export const optionName = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A number for which `fits` holds; an empty text is none. */
function number(text: string, fits: (n: number) => boolean, expected: string): number {
  const n = text.trim() === '' ? Number.NaN : Number(text);
  if (!fits(n)) throw new InvalidArgumentError(`expected ${expected}`);
  return n;
}

export const integer = (text: string): number =>
  number(text, (n) => Number.isSafeInteger(n) && n >= 0, 'an integer ≥ 0');

export const natural = (text: string): number =>
  number(text, (n) => Number.isSafeInteger(n) && n >= 1, 'an integer ≥ 1');

export const nonNegative = (text: string): number => number(text, (n) => n >= 0 && Number.isFinite(n), 'a number ≥ 0');

export const positive = (text: string): number => number(text, (n) => n > 0 && Number.isFinite(n), 'a number > 0');

export const share = (text: string): number => number(text, (n) => n >= 0 && n <= 1, 'a number from 0 to 1');

const holdOutShare = (text: string): number => number(text, (n) => n >= 0 && n <= 0.5, 'a number from 0 to 0.5');

/** `--hold-out <share>`. */
export const holdOutOption = (
  what = "share of every class's training pictures that validates, in a folder without val",
) => new Option('--hold-out <share>', what).argParser(holdOutShare);

/** `--measure`, which is about a dry run. */
export const measureOption = (): Option =>
  new Option('--measure', 'a dry run that runs a few real updates, for the time that all will take').implies({
    dryRun: true,
  });

/** Adds `--resolution`. */
export const resolutionOption = (command: Command): Command =>
  command.option(
    '--resolution <pixels>',
    "height and width of the pictures, positions interpolated (default: the model's own)",
    natural,
  );

/** `--force`, which excludes `--resume`. */
export const forceOption = (what: string): Option => new Option('--force', `replace ${what}`).conflicts('resume');

/** Adds the options that every training command takes. */
export function runOptions(command: Command, defaultRun: string): Command {
  return command
    .optionsGroup('Run:')
    .option('--run <dir>', 'folder of the run', defaultRun)
    .option('--seed <n>', 'seed of every random draw', integer, 0)
    .option(
      '--resume',
      'go on from the last good checkpoint in the run folder, with the settings that the run was begun with',
    )
    .addOption(forceOption(`the ${command.name()} run that the folder holds`))
    .option('--dry-run', 'say what would be done, defaults included, and stop (--json: as JSON)')
    .option('--json', 'print the outcome as JSON on stdout');
}

/**
 * An action that loads its module, and with it TensorFlow.js and whatever else it needs, only when it runs: help and
 * mistakes in the command line are answered at once.
 * @param first looks at what the command line names, before
 */
export const lazily =
  <A extends unknown[]>(
    load: () => Promise<{ run: (...args: A) => Promise<void> }>,
    first?: (...args: A) => void | Promise<void>,
  ) =>
  async (...args: A): Promise<void> => {
    await first?.(...args);
    await (await load()).run(...args);
  };
