import { check } from '../../errors.js';
import type { PaperPreset } from '../../presets/paper/index.js';
import { headRates } from '../../presets/paper/shared.js';
import type { Settings } from '../../stages/epochs.js';
import type { BaselineOptions, FinetuneOptions } from '../../stages/options.js';
import type { AnchorFlags } from '../anchorFlags.js';
import type { DataFlags } from '../dataFlags.js';
import { optionName, type RunOptions } from '../options.js';
import type { PresetFlags } from '../presetFlags.js';
import { settingsFor, type TrainFlags, withFlags } from '../trainFlags.js';

export type Head = 'lgr' | 'linear' | 'mlp';

/** The options of the command line. */
export interface FinetuneCommand extends RunOptions, TrainFlags, AnchorFlags, DataFlags, PresetFlags {
  from?: string;
  head: Head;
  balanced?: boolean;
  encoderRate?: number;
  attentionRate?: number;
  detachNorm?: boolean;
  mixup?: boolean;
  alpha?: number;
  holdOut?: number;
  resolution?: number;
  measure?: boolean;
  set?: string[];
}

const BRANCHES = [
  'anchors',
  'choice',
  'split',
  'imagesPerClass',
  'attentionRate',
  'detachNorm',
  'alpha',
] as const satisfies (keyof FinetuneCommand)[];

/**
 * Settings of either head's training. @throws VlltrError ERR_USAGE for options that a vision-only head has not, and for
 * one with a preset
 */
export function finetuneSettings(
  data: string,
  flags: FinetuneCommand,
  preset?: PaperPreset,
): Settings<FinetuneOptions> | Settings<BaselineOptions> {
  const lgr = flags.head === 'lgr';
  for (const name of BRANCHES)
    check(lgr || flags[name] === undefined, 'ERR_USAGE', () => {
      return `${optionName(name)} is about anchors; a vision-only head (--head ${flags.head}) has none`;
    });
  const { finetune, baseline } = settingsFor(data, preset);
  const shared = <T extends BaselineOptions | FinetuneOptions>(recipe: Settings<T>): Settings<T> => ({
    ...withFlags<T>(recipe, flags),
    balanced: flags.balanced ?? recipe.balanced,
    encoderRate: flags.encoderRate ?? recipe.encoderRate,
    mixup: flags.mixup ?? recipe.mixup,
  });
  if (!lgr) {
    check(baseline, 'ERR_USAGE', () => {
      return `preset ${preset!.name} has no vision-only baseline, the authors released none: add --preset none and settings of your own`;
    });
    return { ...shared<BaselineOptions>(baseline), head: flags.head as BaselineOptions['head'] };
  }
  // A factor of the head's rate in the recipes; a preset's is a rate of its own, which another of the head's leaves alone.
  const kept = preset && flags.lr !== undefined ? headRates(flags.lr).attentionRate : finetune.attentionRate;
  return {
    ...shared<FinetuneOptions>(finetune),
    attentionRate: flags.attentionRate ?? kept,
    detachNorm: flags.detachNorm ?? finetune.detachNorm,
  };
}
