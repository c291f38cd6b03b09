import type { LongTailData } from '../../data/types.js';
import type { StageRun } from '../../stages/options.js';
import type { RunOptions } from '../options.js';
import { Bar } from '../terminal.js';

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

/**
 * Runs a training and shows how far it is. Where it fails or is stopped the data goes: pictures that were to be decoded for
 * updates which do not come would keep the process.
 */
export async function showTraining<T>(
  options: RunOptions,
  data: LongTailData,
  train: (run: StageRun) => Promise<T>,
): Promise<T> {
  const run = stageRun(options);
  try {
    return await train(run);
  } catch (error) {
    await data.dispose?.();
    throw error;
  } finally {
    run.end();
  }
}
