import type { Command } from 'commander';
import { expectData, expectImages } from '../data/formats/expectData.js';
import { VlltrError } from '../errors.js';
import { clipPath } from './actions/modelPath.js';
import { told } from './actions/told.js';
import { isIconLt } from './dataName.js';
import type { RunOptions } from './options.js';

/** A path of the command line, where there is one, and who refuses one where not the right thing is. */
export type Looked = readonly [path: string | undefined, look: (path: string) => unknown];

/** Looks at the paths of a command line. @throws VlltrError naming all that are wrong */
export function lookAt(...paths: Looked[]): void {
  const refused: VlltrError[] = [];
  for (const [path, look] of paths) {
    try {
      if (path !== undefined) look(path);
    } catch (error) {
      if (!(error instanceof VlltrError)) throw error;
      refused.push(error);
    }
  }
  if (refused.length === 0) return;
  const { code } = refused[0]!;
  throw new VlltrError(code, refused.map(({ message }) => message).join('\n'));
}

/** The data, and the folder that its paths start from; Icon-LT has neither, and refuses one by what it is. */
export const dataPaths = (data: string | undefined, { images }: { images?: string }): Looked[] =>
  data !== undefined && isIconLt(data)
    ? []
    : [
        [data, expectData],
        [images, expectImages],
      ];

/** What trainings name. A dry run tells of models that are missing among the rest. */
interface TrainingPaths extends RunOptions {
  data?: string;
  images?: string;
  from?: string;
  teacher?: string;
}

/**
 * Looks at the paths of a training, a resumed one's as it was begun with.
 * @throws VlltrError as `told` and `lookAt`
 */
export async function lookAtTraining(command: Command, argument: string | undefined, given: RunOptions): Promise<void> {
  const { flags } = await told<TrainingPaths>(command, argument, given);
  const models = [flags.from, flags.teacher].map((path): Looked => [flags.dryRun ? undefined : path, clipPath]);
  lookAt(...dataPaths(flags.data, flags), ...models);
}
