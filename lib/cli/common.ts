import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { openFolder } from '../data/folder.js';
import { openIconLt } from '../data/iconLt/index.js';
import type { LongTailData } from '../data/types.js';
import type { StageRun } from '../stages/options.js';
import { Bar, lazyBar } from './terminal.js';

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

/** Adds the options that every training command takes. */
export function runOptions(command: Command, defaultRun: string): Command {
  return command
    .option('--run <dir>', 'folder of the run', defaultRun)
    .option('--seed <n>', 'seed of every random draw', integer, 0)
    .option('--resume', 'go on from the last good checkpoint in the run folder')
    .option('--dry-run', 'print the configuration and stop')
    .option('--json', 'print the outcome as JSON on stdout');
}

const ICON_LT = /^icon-lt(?:-(\d+))?$/;

/** Whether a data set's name means Icon-LT rather than a folder. */
export const isIconLt = (name: string): boolean => ICON_LT.test(name);

/** A data set as config.json names it: the same from whatever folder the command is given. */
export const dataName = (name: string): string => (isIconLt(name) ? name : resolve(name));

/** `icon-lt`, `icon-lt-100`, `icon-lt-1000`, or a folder of pictures. */
export async function openData(name: string, imageSize: number): Promise<LongTailData> {
  const preset = ICON_LT.exec(name);
  if (!preset) return openFolder(name, { imageSize });
  const drawing = lazyBar();
  const data = await openIconLt({ classes: preset[1] ? Number(preset[1]) : 300, onProgress: drawing.onProgress });
  drawing.end();
  return data;
}

/** A stage's run with a progress bar for each stage. */
export function stageRun(options: RunOptions): StageRun & { end: () => void } {
  const bars = new Bars();
  return {
    dir: options.run,
    seed: options.seed,
    resume: options.resume ?? false,
    onProgress: bars.onProgress,
    end: bars.end,
  };
}

/** Progress bars by stage: a new one begins where another stage reports. */
export class Bars {
  private bar: Bar | undefined;
  private name = '';
  readonly onProgress: NonNullable<StageRun['onProgress']> = ({ name, step, steps, outputs }) => {
    if (name !== this.name) {
      this.end();
      this.bar = new Bar(name, steps);
      this.name = name;
    }
    const loss = outputs.loss;
    this.bar?.update(step, loss === undefined ? '' : `loss ${loss.toFixed(3)}`);
    if (step === steps) this.end();
  };
  readonly end = (): void => {
    this.bar?.end();
    this.bar = undefined;
    this.name = '';
  };
}

/** Data for programs: stdout. */
export function print(value: unknown): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}\n`);
}
