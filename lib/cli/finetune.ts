import { type Command, Option } from 'commander';
import { anchorFlags } from './anchorFlags.js';
import { dataFlags, loaderFlags } from './dataFlags.js';
import { holdOutOption, lazily, measureOption, nonNegative, resolutionOption, runOptions, share } from './options.js';
import { lookAtTraining } from './paths.js';
import { presetFlags } from './presetFlags.js';
import { trainFlags } from './trainFlags.js';

/** Adds `vl-ltr finetune`. */
export function register(program: Command): void {
  const command = program
    .command('finetune')
    .description('stage 2: train the two-branch classifier, or the vision-only baseline')
    .argument('[data]', 'the data (default: that of the stage-1 run)')
    .optionsGroup('Model:')
    .option(
      '--from <model>',
      'stage-1 run folder, or a CLIP of any kind that vl-ltr import reads (default: the shipped small CLIP)',
    )
    .addOption(
      new Option('--head <kind>', 'two-branch LGR head, or a vision-only baseline')
        .choices(['lgr', 'linear', 'mlp'])
        .default('lgr'),
    )
    .option('--balanced', 'balanced softmax: the log prior of the sampler is added to the training logits')
    .option('--encoder-rate <factor>', "encoder's learning rate against the head's; 0 freezes it", nonNegative)
    .option(
      '--attention-rate <factor>',
      "attention's learning rate against the head's (default with a preset: what makes it 1e-6)",
      nonNegative,
    )
    .option('--detach-norm', 'stop the gradient through the norm of G_c')
    .option('--mixup', 'mixup 0.8 and cutmix 1.0, as the released configurations have it')
    .option('--alpha <share>', "α: the visual branch's weight, instead of choosing it on val", share);
  resolutionOption(command);
  loaderFlags(dataFlags(command)).addOption(holdOutOption());
  runOptions(presetFlags(anchorFlags(trainFlags(command)), "the stage-1 run's"), 'runs/stage2')
    .addOption(measureOption())
    .addHelpText(
      'after',
      `
The anchors are those of the stage-1 run; where it has none (or --anchors, --choice, --split ask for others) they are
chosen first. α, the visual branch's weight in the prediction, is chosen on val, never on test; without val it is 0.5.
What stage 1 held out of train (--hold-out) validates here, too; how the data is read and the preset are stage 1's unless
they are named anew. Layouts of data: vl-ltr check --help.
Defaults depend on the data: --dry-run prints them all. A broken-off run goes on with --run DIR --resume.

The run folder gets model.safetensors (encoder, head, anchors), summary.json (accuracy by shot group on val and test),
config.json, metrics.jsonl, checkpoints/ and report.html.

  vl-ltr finetune pictures --from runs/stage1 --run runs/stage2
  vl-ltr finetune pictures --from clip.safetensors --run runs/baseline --head linear --balanced`,
    )
    .action(
      lazily(
        () => import('./actions/finetune.js'),
        (data, flags, command) => lookAtTraining(command, data, flags),
      ),
    );
}
