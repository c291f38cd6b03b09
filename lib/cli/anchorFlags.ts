import { type Command, Option } from 'commander';
import type { LoadedClip } from '../clip/checkpoint.js';
import type { LongTailData } from '../data/types.js';
import { type AnchorInfo, fileDigest, saveAnchors } from '../stages/anchorFile.js';
import { buildAnchors } from '../stages/anchors.js';
import type { Anchors } from '../stages/head.js';
import type { AnchorChoice, AnchorOptions } from '../stages/options.js';
import { TextBank } from '../stages/textBank.js';
import { natural } from './common.js';
import { recipeFor } from './trainFlags.js';

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
    .option('--anchors <n>', 'M: anchor sentences a class (Icon-LT 8, otherwise 64 by default)', natural)
    .addOption(
      new Option('--choice <way>', 'best by AnSS, drawn at random, or the first M').choices([
        'anss',
        'random',
        'cut-off',
      ]),
    )
    .addOption(
      new Option('--split <name>', 'split whose pictures score the sentences (default: train)').choices([
        'train',
        'val',
      ]),
    )
    .option('--images-per-class <n>', 'pictures a class that score its sentences, at most', natural);
}

/** The data's recipe with what the command line says instead. */
export function anchorOptions(data: string, flags: AnchorFlags): AnchorOptions {
  const recipe = recipeFor(data).anchors;
  return {
    anchors: flags.anchors ?? recipe.anchors,
    choice: flags.choice ?? recipe.choice,
    imagesPerClass: flags.imagesPerClass ?? recipe.imagesPerClass,
    split: flags.split ?? recipe.split,
  };
}

/** Chooses anchors with a model and writes them to `path` and, for people, to anchors.json beside it. */
export async function makeAnchors(
  path: string,
  data: LongTailData,
  model: LoadedClip & { path: string },
  options: AnchorOptions,
  seed: number,
): Promise<{ anchors: Anchors; losses: (number | null)[][] }> {
  const bank = new TextBank(data.sentences, model.config.text.contextLength);
  const { losses: all, selected, ...anchors } = await buildAnchors(data, bank, model, options, seed);
  const losses = selected.map((rows, c) => rows.map((row) => all?.[bank.offsets[c]! + row] ?? null));
  const info: AnchorInfo = {
    classes: data.classes,
    sentences: anchors.sentences,
    options,
    seed,
    model: await fileDigest(model.path),
  };
  await saveAnchors(path, anchors, info, losses);
  return { anchors, losses };
}
