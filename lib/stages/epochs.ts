import type { TrainOptions } from './options.js';

/** Updates that go once over so many pictures: whole batches only, as the authors' loader drops the rest; at least one. */
export const updatesPerEpoch = (pictures: number, batch: number): number => Math.max(1, Math.floor(pictures / batch));

/** What a training counts in updates. */
type Counted = 'steps' | 'warmupSteps' | 'checkpointEvery' | 'evaluateEvery';

/** A stage's options in passes over the training pictures; a count of updates that is given beside one holds instead. */
export type InEpochs<T extends TrainOptions> = Omit<T, Counted> & {
  epochs: number;
  warmupEpochs: number;
  /** Epochs between checkpoints, and between measurements on the validation split (0: none). */
  checkpointEpochs: number;
  evaluateEpochs: number;
} & Partial<Pick<TrainOptions, Exclude<Counted, 'steps'>>>;

/** Options in updates, or in epochs. */
export type Settings<T extends TrainOptions> = T | InEpochs<T>;

export const isInEpochs = <T extends TrainOptions>(options: Settings<T>): options is InEpochs<T> =>
  (options as Partial<InEpochs<T>>).epochs !== undefined;

/** The options in updates of a stage that trains on so many pictures. */
export function inUpdates<T extends TrainOptions>(options: Settings<T>, pictures: number): T {
  if (!isInEpochs(options)) return options;
  const { epochs, warmupEpochs, checkpointEpochs, evaluateEpochs, ...rest } = options;
  const updates = (n: number): number => Math.round(n * updatesPerEpoch(pictures, options.batch));
  // At least one where there is to be any at all.
  const rhythm = (n: number): number => (n > 0 ? Math.max(1, updates(n)) : 0);
  return {
    ...rest,
    steps: Math.max(1, updates(epochs)),
    warmupSteps: options.warmupSteps ?? updates(warmupEpochs),
    checkpointEvery: options.checkpointEvery ?? rhythm(checkpointEpochs),
    evaluateEvery: options.evaluateEvery ?? rhythm(evaluateEpochs),
  } as unknown as T;
}
