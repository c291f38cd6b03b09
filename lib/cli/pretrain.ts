import type { Command } from 'commander';
import { dataFlags, LAYOUTS, loaderFlags } from './dataFlags.js';
import { holdOutOption, lazily, measureOption, resolutionOption, runOptions, share } from './options.js';
import { lookAtTraining } from './paths.js';
import { presetFlags } from './presetFlags.js';
import { contrastiveFlags, trainFlags } from './trainFlags.js';

/** Adds `vl-ltr pretrain`. */
export function register(program: Command): void {
  const command = program
    .command('pretrain')
    .description('stage 1: align pictures with the sentences of their classes')
    .argument(
      '[data]',
      'your pictures (layouts below), or icon-lt, icon-lt-100, icon-lt-1000; with --resume the run knows it',
    )
    .optionsGroup('Models:')
    .option(
      '--from <model>',
      'CLIP model to begin with: run folder, or a file of any kind that vl-ltr import reads (default: the shipped small CLIP)',
    )
    .option('--teacher <model>', 'frozen CLIP to distil from (default: the model it begins with)')
    .option('--beta <share>', 'β: share of the distillation in the loss; 0 leaves the teacher out', share);
  loaderFlags(dataFlags(command)).addOption(holdOutOption());
  runOptions(presetFlags(contrastiveFlags(trainFlags(resolutionOption(command))), 'none'), 'runs/stage1')
    .addOption(measureOption())
    .addHelpText(
      'after',
      `${LAYOUTS}

Every picture meets one sentence of its class, drawn anew each step; the loss is (1−β)·class-wise contrastive loss +
β·distillation. The model's own image size decides the size of the pictures. Defaults depend on the data: --dry-run
prints them all. Interrupted (Ctrl-C, or killed), a run goes on with
--run DIR --resume, which knows all that it was begun with, and gives the numbers of an unbroken one.

The run folder gets model.safetensors, summary.json (accuracy by the class texts, by shot group, on val and test),
config.json, metrics.jsonl, checkpoints/ and report.html.

  vl-ltr pretrain pictures --run runs/stage1 --steps 1000
  vl-ltr pretrain icon-lt-100 --run runs/stage1 --beta 0 --json`,
    )
    .action(
      lazily(
        () => import('./actions/pretrain.js'),
        (data, flags, command) => lookAtTraining(command, data, flags),
      ),
    );
}
