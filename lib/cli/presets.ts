import type { Command } from 'commander';
import { PAPER_PRESETS, paperPreset } from '../presets/paper/index.js';
import { print, table } from './terminal.js';

/** Adds `vl-ltr presets`. */
export function register(program: Command): void {
  program
    .command('presets')
    .description("the paper's runs as settings: what there is, or one in full")
    .argument('[name]', 'print every setting of this one, both stages, as JSON')
    .option('--json', 'print all of them as JSON')
    .addHelpText(
      'after',
      `
  vl-ltr presets imagenet-lt-r50
  vl-ltr pretrain imagenet --preset imagenet-lt-r50 --from RN50.pt --run runs/stage1 --dry-run
  vl-ltr finetune --from runs/stage1 --run runs/stage2`,
    )
    .action((name: string | undefined, { json }: { json?: boolean }) => {
      if (name !== undefined) print(paperPreset(name));
      else if (json) print(PAPER_PRESETS);
      else {
        const rows = PAPER_PRESETS.map((p) => [
          p.name,
          p.title,
          p.weights.file,
          p.pretrain.batch,
          p.pretrain.epochs,
          p.top1.toFixed(1),
        ]);
        print(table(['preset', 'what', 'weights', 'batch', 'epochs', 'top-1, %'], rows));
      }
    });
}
