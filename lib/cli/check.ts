import { type Command, Option } from 'commander';
import { shotPresets } from '../data/shots.js';
import { holdOutOption, lazily } from './options.js';

/** Adds `vl-ltr check`. */
export function register(program: Command): void {
  program
    .command('check')
    .description('look through a folder of your own pictures before training')
    .argument('<dir>', 'folder with train/<class>/pictures, optional val/ and test/')
    .option('--json', 'print the whole report as JSON')
    .option('--fast', 'do not open the pictures (finds no unreadable or equal ones)')
    .addOption(
      new Option('--shots <bounds>', 'shot groups')
        .choices([...Object.keys(shotPresets), 'scaled', 'auto'])
        .default('auto'),
    )
    .addOption(holdOutOption('show the folder as training sees it with this share of train held out for val'))
    .addHelpText(
      'after',
      `
The folder:
  train/<class>/…   pictures (jpg, png, webp, gif, tif, avif, svg); folders within a class are searched too
  val/, test/       the same classes; both optional
  classes.json      {"<class>": ["a sentence", …], …}; optional
  text/<class>.txt  sentences or an article of a class; optional
Without text a class has the prompts of its name ("a photo of a …").

Exits 1 if something would stop training: a class without pictures, a picture that cannot be read, a class of val
or test that train lacks, texts that cannot be read.`,
    )
    .action(lazily(() => import('./actions/check.js')));
}
