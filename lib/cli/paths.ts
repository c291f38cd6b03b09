import type { Command } from 'commander';
import { detect } from '../data/formats/detect.js';
import { expectData, expectImages } from '../data/formats/expectData.js';
import { VlltrError } from '../errors.js';
import { runData } from './actions/inherit.js';
import { expectClip } from './actions/modelKind.js';
import { refuseFile } from './actions/storedRun.js';
import { told } from './actions/told.js';
import type { DataFlags } from './dataFlags.js';
import { dataName, isIconLt } from './dataName.js';
import type { RunOptions } from './options.js';
import type { PresetFlags } from './presetFlags.js';

/** A path of the command line, where there is one, and who refuses one where not the right thing is. */
export type Looked = readonly [path: string | undefined, look: (path: string) => unknown];

/** Looks at the paths of a command line. @throws VlltrError naming all that are wrong */
export async function lookAt(...paths: Looked[]): Promise<void> {
  const refused: VlltrError[] = [];
  for (const [path, look] of paths) {
    try {
      if (path !== undefined) await look(path);
    } catch (error) {
      if (!(error instanceof VlltrError)) throw error;
      refused.push(error);
    }
  }
  if (refused.length === 0) return;
  const { code } = refused[0]!;
  throw new VlltrError(code, refused.map(({ message }) => message).join('\n'));
}

/** What says how data is read, beside the run that a command starts from. */
interface Reading extends Pick<DataFlags, 'format' | 'images'> {
  preset?: PresetFlags['preset'];
}

/**
 * The data, and the folder that its paths start from; Icon-LT has neither, and refuses one by what it is.
 * @param run that the command starts from
 */
export const dataPaths = (data: string | undefined, reading: Reading, run?: string): Looked[] =>
  data !== undefined && isIconLt(data)
    ? []
    : [
        [data, (path) => expectLayout(path, reading, run)],
        [reading.images, expectImages],
      ];

/** Refuses data of no layout, or of more than one where nothing but its files can tell which is meant. */
async function expectLayout(data: string, { format, preset }: Reading, run: string | undefined): Promise<void> {
  const before = await runData(run);
  const told = before.data === dataName(data) || (preset ?? before.preset ?? 'none') !== 'none';
  if (format === undefined && told) expectData(data);
  else detect(data, format);
}

/** What trainings name. A dry run tells of models that are missing among the rest. */
interface TrainingPaths extends RunOptions, Reading {
  data?: string;
  from?: string;
  teacher?: string;
}

/**
 * Looks at the paths of a training, a resumed one's as it was begun with.
 * @throws VlltrError as `told` and `lookAt`
 */
export async function lookAtTraining(
  command: Command,
  argument: string | undefined,
  given: RunOptions,
  ...others: Looked[]
): Promise<void> {
  const { flags } = await told<TrainingPaths>(command, argument, given);
  const models = [flags.from, flags.teacher].map((path): Looked => [flags.dryRun ? undefined : path, expectClip]);
  await lookAt([flags.run, refuseFile], ...dataPaths(flags.data, flags, flags.from), ...models, ...others);
}
