import type { Command } from 'commander';
import { expectFolderPlace } from '../files/expectPath.js';
import { expectAny } from './actions/modelKind.js';
import { lazily } from './options.js';
import { lookAt } from './paths.js';

/** Adds `vl-ltr export`. */
export function register(program: Command): void {
  program
    .command('export')
    .description('a run for other programs: weights as safetensors, anchors as .npy')
    .argument('<run>', 'run of pretrain, finetune or import, or a checkpoint of any kind that is read')
    .requiredOption('--out <dir>', 'folder that gets the files')
    .option('--half', 'weights as half floats')
    .option('--force', 'replace what the folder holds')
    .option('--json', 'print what was written as JSON')
    .addHelpText(
      'after',
      `
model.safetensors   weights under OpenAI's names (a classifier's head under the authors') in PyTorch's layouts, the
                    configuration in the metadata: safetensors.torch.load_file reads it
anchors.npy         [classes, anchors, D] float32, not normalised, filled up with zeros
anchors.json        {"classes": [...], "counts": [...], "sentences": [[...], ...]}

  vl-ltr export runs/stage2 --out exported --half`,
    )
    .action(
      lazily(
        () => import('./actions/export.js'),
        (run, { out }) => lookAt([run, expectAny], [out, (path) => expectFolderPlace(path, '--out')]),
      ),
    );
}
