import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { check } from '../errors.js';
import { expectFile } from '../files/expectPath.js';
import { isFolder } from '../files/folder.js';
import { expectAny } from './actions/modelKind.js';
import type { PredictCommand } from './actions/predict.js';
import { expectPredictions } from './actions/predictionFile.js';
import { dataFlags, workersFlag } from './dataFlags.js';
import { forceOption, lazily, natural } from './options.js';
import { dataPaths, type Looked, lookAt } from './paths.js';

/** Refuses options that do not go together. @throws VlltrError ERR_USAGE */
function checkUsage(files: string[], flags: PredictCommand): void {
  const { split } = flags;
  check(split ? files.length === 0 : files.length > 0, 'ERR_USAGE', () => {
    return split
      ? '--split is instead of picture files; expected one or the other'
      : 'expected picture files, or --split';
  });
  for (const name of ['out', 'resume', 'force'] as const)
    check(split || flags[name] === undefined, 'ERR_USAGE', () => `--${name} is for --split`);
}

/**
 * Pictures, where none of them is a file: those that are would be recognised all the same, and for programs each has its
 * place in the JSON.
 */
const picturePaths = (files: string[], { json }: PredictCommand): Looked[] =>
  json || files.some((file) => existsSync(file) && !isFolder(file)) ? [] : files.map((file) => [file, expectPicture]);

const expectPicture = (path: string): void => expectFile(path, 'a picture');

/** Adds `vl-ltr predict`. */
export function register(program: Command): void {
  const command = program
    .command('predict')
    .description('recognise pictures, and say why')
    .argument('[pictures...]', 'picture files (jpg, png, webp, gif, tif, avif, svg)')
    .option('--run <dir>', 'run of finetune or pretrain, or a checkpoint of any kind that is read', 'runs/stage2')
    .option('--data <data>', "data with the classes the model was made for (default: the run's)")
    .addOption(
      new Option('--split <name>', 'all pictures of a split of the data instead').choices(['train', 'val', 'test']),
    )
    .option('--out <file>', 'where the predictions of a split go, a line of JSON each (default: stdout)')
    .option('--resume', 'go on with an unfinished --out')
    .addOption(forceOption('predictions that are there'))
    .option('--top <n>', 'classes shown', natural, 5)
    .option('--explain', 'the exact share of every anchor sentence in the text logit of the best class')
    .option('--json', 'print the predictions as JSON');
  workersFlag(dataFlags(command))
    .addHelpText(
      'after',
      `
A probability is α·visual + (1−α)·text, with the α that finetune chose on validation. A class's text logit is a sum
over its anchor sentences: --explain shows the summands, largest first.

A stage-1 run or any CLIP model recognises by the texts of the data's classes. Exits 1 if a picture could not be read;
the others are recognised all the same.

--split writes {"image", "label", "predicted", "guesses": [{"class", "probability", …}]} a picture, {"image", "error"} of one
that cannot be read. --out holds all of them or is not there; what was broken off lies in OUT.partial, and --resume goes on with it.

  vl-ltr predict photo.jpg --run runs/stage2
  vl-ltr predict *.jpg --run runs/stage2 --top 3 --explain --json
  vl-ltr predict --run runs/stage2 --split test --out predictions.jsonl`,
    )
    .action(
      lazily(
        () => import('./actions/predict.js'),
        async (files, flags) => {
          checkUsage(files, flags);
          await lookAt(
            [flags.run, expectAny],
            [flags.out, (out) => expectPredictions({ ...flags, out })],
            ...dataPaths(flags.data, flags, flags.run),
            ...picturePaths(files, flags),
          );
        },
      ),
    );
}
