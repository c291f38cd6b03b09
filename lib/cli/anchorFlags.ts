import { type Command, Option } from 'commander';
import type { PaperPreset } from '../presets/paper/index.js';
import type { AnchorChoice, AnchorOptions } from '../stages/options.js';
import { natural } from './options.js';
import { settingsFor } from './trainFlags.js';

/** How anchors are chosen, as the command line says it. */
export interface AnchorFlags {
  anchors?: number;
  choice?: AnchorChoice;
  imagesPerClass?: number;
  split?: 'train' | 'val';
}

/** Adds the options of the anchors' choice. */
export function anchorFlags(command: Command): Command {
  return command
    .optionsGroup('Anchors:')
    .option('--anchors <n>', 'M: anchor sentences a class (Icon-LT 8, otherwise 64 by default)', natural)
    .addOption(
      new Option('--choice <way>', 'best by AnSS (default), drawn at random, or the first M').choices([
        'anss',
        'random',
        'cut-off',
      ]),
    )
    .addOption(
      new Option(
        '--split <name>',
        'split whose pictures score the sentences (default: train; val with a preset of ImageNet-LT or Places-LT)',
      ).choices(['train', 'val']),
    )
    .option('--images-per-class <n>', 'pictures a class that score its sentences, at most (default: 50)', natural);
}

/** What the preset or the data's recipe says, with what the command line says instead. */
export function anchorOptions(data: string, flags: AnchorFlags, preset?: PaperPreset): AnchorOptions {
  const recipe = settingsFor(data, preset).anchors;
  return {
    anchors: flags.anchors ?? recipe.anchors,
    choice: flags.choice ?? recipe.choice,
    imagesPerClass: flags.imagesPerClass ?? recipe.imagesPerClass,
    split: flags.split ?? recipe.split,
  };
}
