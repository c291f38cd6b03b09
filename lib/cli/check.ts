import type { Command } from 'commander';
import { dataFlags, LAYOUTS } from './dataFlags.js';
import { holdOutOption, lazily } from './options.js';
import { dataPaths, lookAt } from './paths.js';

/** Adds `vl-ltr check`. */
export function register(program: Command): void {
  const command = program
    .command('check')
    .description('look through your own pictures before training')
    .argument('<data>', 'folder or file of your pictures (see below)')
    .option('--json', 'print the whole report as JSON')
    .option('--fast', 'do not open the pictures (finds missing ones, no unreadable or equal ones)');
  dataFlags(command)
    .addOption(holdOutOption('show the data as training sees it with this share of train held out for val'))
    .addHelpText(
      'after',
      `${LAYOUTS}
Without text a class has the prompts of its name ("a photo of a …"). ImageNet-LT, Places-LT and iNaturalist 2018 are
compared with what was published, and the file to get is named where they differ.

Exits 1 if something would stop training: lines or entries that cannot be used, a class without pictures, a picture that
is missing or cannot be read, a class of val or test that train lacks, texts that cannot be read.

  vl-ltr check pictures
  vl-ltr check birds.csv --columns path=file,label=species,split=set --images photos
  vl-ltr check imagenet --fast --shots decoupling --json`,
    )
    .action(
      lazily(
        () => import('./actions/check.js'),
        (data, flags) => lookAt(...dataPaths(data, flags)),
      ),
    );
}
