import type { Command } from 'commander';
import { lazily, natural } from './options.js';

/** Adds `vl-ltr predict`. */
export function register(program: Command): void {
  program
    .command('predict')
    .description('recognise pictures, and say why')
    .argument('<pictures...>', 'picture files (jpg, png, webp, gif, tif, avif, svg)')
    .option('--run <dir>', 'folder of the finetune run, or its model file', 'runs/stage2')
    .option('--top <n>', 'classes shown', natural, 5)
    .option('--explain', 'the exact share of every anchor sentence in the text logit of the best class')
    .option('--json', 'print the predictions as JSON')
    .addHelpText(
      'after',
      `
A probability is α·visual + (1−α)·text, with the α that finetune chose on validation. A class's text logit is a sum
over its anchor sentences: --explain shows the summands, largest first.

Exits 1 if a picture could not be read; the others are recognised all the same.

  vl-ltr predict photo.jpg --run runs/stage2
  vl-ltr predict *.jpg --run runs/stage2 --top 3 --explain --json`,
    )
    .action(lazily(() => import('./actions/predict.js')));
}
