import { type Command, Option } from 'commander';
import { expectAny, expectClassifier } from './actions/modelKind.js';
import { dataFlags, workersFlag } from './dataFlags.js';
import { lazily } from './options.js';
import { dataPaths, lookAt } from './paths.js';

/** Adds `vl-ltr evaluate`. */
export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .description('accuracy of a trained model by shot group')
    .argument('[data]', 'data with the classes the model was made for (default: that of the run)')
    .option('--run <dir>', 'run of finetune or pretrain, or a checkpoint of any kind that is read', 'runs/stage2')
    .addOption(new Option('--split <name>', 'which pictures').choices(['test', 'val']).default('test'))
    .option('--baseline <dir>', 'a vision-only run to set beside it, in the table and in the report')
    .option('--five-crop', 'five views of each picture, four corners and the centre: the mean of their logits')
    .option(
      '--skip-unreadable',
      'evaluate without the pictures that cannot be read, and say how many (default: an error)',
    )
    .option('--json', 'print everything, the accuracy of every class included, as JSON');
  workersFlag(dataFlags(command))
    .addHelpText(
      'after',
      `
Rows: visual, text, both (α·softmax of the one + (1−α)·softmax of the other), or baseline for a vision-only model; by the
class texts for a stage-1 run or any CLIP model: class-mean (CLIP's zero-shot), nearest-sentence, five-nearest.
Two tables: over pictures (the authors' convention) and the mean over classes (LIFT's); one where both say the same, as
where every class has as many pictures. Shot groups go by the training counts that the model saw; what its training held
out of train (--hold-out) is val. The folder of a run gets evaluation-<split>.json (with --five-crop:
evaluation-<split>-five-crop.json) and a new report.html; beside a model of other origin nothing is written.
A picture that cannot be read is an error that names all such: accuracies of fewer pictures are not those of the split.
With --skip-unreadable the others are evaluated; terminal, report and JSON say of how many, "leftOut" in the JSON which not.

  vl-ltr evaluate pictures --run runs/stage2
  vl-ltr evaluate pictures --run runs/stage2 --baseline runs/baseline --split val --json`,
    )
    .action(
      lazily(
        () => import('./actions/evaluate.js'),
        (data, flags) =>
          lookAt([flags.run, expectAny], [flags.baseline, expectClassifier], ...dataPaths(data, flags, flags.run)),
      ),
    );
}
