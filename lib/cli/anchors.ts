import type { Command } from 'commander';
import { expectClip } from './actions/modelKind.js';
import { anchorFlags } from './anchorFlags.js';
import { dataFlags, loaderFlags } from './dataFlags.js';
import { integer, lazily } from './options.js';
import { dataPaths, lookAt } from './paths.js';
import { presetFlags } from './presetFlags.js';

/** Adds `vl-ltr anchors`. */
export function register(program: Command): void {
  const command = program
    .command('anchors')
    .description('choose the anchor sentences of every class with a stage-1 model')
    .argument('[data]', 'the data (default: that of the stage-1 run)')
    .option('--run <dir>', 'folder of the stage-1 run; the anchors go there', 'runs/stage1');
  loaderFlags(dataFlags(presetFlags(anchorFlags(command), "the run's")))
    .optionsGroup('Run:')
    .option('--seed <n>', 'seed of every random draw', integer, 0)
    .option('--force', 'replace the anchors that the folder holds')
    .option('--dry-run', 'say what would be done, defaults included, and stop (--json: as JSON)')
    .option('--json', 'print class → [{sentence, loss}] on stdout')
    .addHelpText(
      'after',
      `
Anchor sentence selection (AnSS): the loss of a sentence is the mean, over pictures of its class, of −log softmax over
all pictures of its similarity; the M sentences of least loss become the anchors of their class. They are written to
anchors.safetensors (embeddings) and anchors.json (class → [{sentence, loss}]) in the run folder.
vl-ltr finetune does this itself where a stage-1 run has no anchors. How the data is read (--format, --authors-text, …)
and the preset are the run's unless they are named anew.

  vl-ltr anchors pictures --run runs/stage1 --anchors 64
  vl-ltr anchors icon-lt-100 --run runs/stage1 --choice random --force --json`,
    )
    .action(
      lazily(
        () => import('./actions/anchors.js'),
        (data, flags) =>
          lookAt([flags.dryRun ? undefined : flags.run, expectClip], ...dataPaths(data, flags, flags.run)),
      ),
    );
}
