import { type Command, Option } from 'commander';
import { expectTensors } from '../clip/checkpoint/open.js';
import { expectFolderPlace } from '../files/expectPath.js';
import { classNames } from './actions/classNames.js';
import { lazily, natural, share } from './options.js';
import { dataPaths, lookAt } from './paths.js';

/** Adds `vl-ltr import`. */
export function register(program: Command): void {
  program
    .command('import')
    .description("take over another program's checkpoint: CLIP's weights, or the authors' stage 1 or 2")
    .argument('<file>', 'checkpoint (.pt, .pth, .bin, .safetensors, its index), or the folder of one')
    .requiredOption('--out <dir>', 'folder that gets model.safetensors')
    .option('--classes <file>', "names of a classifier's classes in its order: a line each, or JSON")
    .option('--data <data>', 'data of the same classes: their names, order and training counts')
    .option(
      '--alpha <share>',
      "α: the visual branch's weight (default: 0.2, the authors'; theirs for iNaturalist is 0.7)",
      share,
    )
    .option('--resolution <pixels>', 'height and width of the pictures; positions are interpolated', natural)
    .addOption(
      new Option('--activation <name>', 'of the transformers, where no configuration beside the file says it').choices([
        'quick_gelu',
        'gelu',
      ]),
    )
    .option('--force', 'replace the model that the folder holds')
    .option('--json', 'print what was found as JSON')
    .addHelpText(
      'after',
      `
Reads OpenAI's archives, state dicts of torch.save, OpenCLIP's and Hugging Face's safetensors (with config.json beside
them) and the authors' checkpoints, in 16, 32 or 64 bits. Pickles are parsed, never executed. A model of OpenCLIP
without open_clip_config.json beside it is taken for one with QuickGELU, as OpenAI's are: most others need --activation gelu.
--from of pretrain and finetune reads the same CLIP files without an import.

The authors' stage 2 has its anchors' embeddings inside, not their texts and not the names of its classes. With --data
alone, its classes are the data's in the data's order (sorted by folder); with --classes, too, they are matched by name.

  vl-ltr import RN50.pt --out runs/clip-rn50
  vl-ltr import stage1.pth --out runs/authors1
  vl-ltr import stage2.pth --out runs/authors2 --data pictures
  vl-ltr evaluate pictures --run runs/authors2`,
    )
    .action(
      lazily(
        () => import('./actions/import.js'),
        (file, { out, classes, data }) =>
          lookAt(
            [file, expectTensors],
            [out, (path) => expectFolderPlace(path, '--out')],
            [classes, classNames],
            ...dataPaths(data, {}),
          ),
      ),
    );
}
