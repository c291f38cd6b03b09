import type { Command } from 'commander';
import { captureFlags } from './captureFlags.js';
import { dataFlags } from './dataFlags.js';
import { forceOption, holdOutOption, integer, lazily, natural, positive } from './options.js';
import { lookAtTraining } from './paths.js';

/** Adds `vl-ltr demo`. */
export function register(program: Command): void {
  const command = program
    .command('demo')
    .description('the main job on Icon-LT: baseline, both stages, one table')
    .option('--run <dir>', 'folder of the run', 'runs/demo')
    .option('--data <name>', 'icon-lt, icon-lt-100, icon-lt-1000, or pictures of your own', 'icon-lt')
    .addOption(holdOutOption())
    .option('--seeds <n>', 'how many seeds are averaged', natural, 1)
    .option('--seed <n>', 'the first seed', integer, 0)
    .option('--full', 'add balanced softmax and the ablations of the paper (no time limit)')
    .option('--effort <factor>', 'factor on the updates of every training', positive, 1)
    .option('--teacher <file>', 'another teacher made by vl-ltr clip')
    .option(
      '--resume',
      'go on from the last good checkpoints in the run folder, with the settings that the run was begun with',
    )
    .addOption(forceOption('the unfinished demo run'))
    .option('--dry-run', 'say what would be done, defaults included, and stop (--json: as JSON)')
    .option('--json', 'print summary.json on stdout instead of the table');
  dataFlags(captureFlags(command))
    .addHelpText(
      'after',
      `
Rows: zero-shot (the teacher alone), baseline (vision only: same encoder, same initial weights, as many image views as
both stages together), stage1, vl-ltr-visual, vl-ltr-text, vl-ltr (both branches, mixed as the validation split says).
Each row looks at the test split once, at its end. --full: no-clip starts from random weights and so has no teacher to
distil from; no-cvlp leaves stage 1 out and gets nothing in its place.

Run again, a finished demo starts over; one that was broken off goes on with --resume (the numbers are those of an
unbroken one) or starts over with --force. In a clone: npm run demo -- --resume.`,
    )
    .action(
      lazily(
        () => import('./actions/demo.js'),
        (flags, command) => lookAtTraining(command, undefined, flags),
      ),
    );
}
