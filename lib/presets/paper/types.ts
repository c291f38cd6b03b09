import type { CLIP_CONFIGS } from '../../clip/config.js';
import type { Format } from '../../data/formats/listing.js';
import type { Shots } from '../../data/shots.js';
import type { InEpochs } from '../../stages/epochs.js';
import type { AnchorOptions, FinetuneOptions, PretrainOptions } from '../../stages/options.js';

/** CLIP weights that a run begins with. */
export interface Weights {
  /** Name in `CLIP_CONFIGS`. */
  architecture: keyof typeof CLIP_CONFIGS;
  /** As OpenAI calls the file, and where it gives it away. */
  file: string;
  source: string;
  sha256: string;
}

/** A setting in which a preset differs from the authors' run, on purpose. */
export interface Difference {
  key: string;
  /** What theirs is. */
  released: string;
  /** What it is here, and why. */
  reason: string;
}

/** A run that the paper reports, as settings of both stages. */
export interface PaperPreset {
  name: string;
  /** For people: data and backbone. */
  title: string;
  data: {
    format: Extract<Format, 'imagenet-lt' | 'places-lt' | 'inaturalist-2018'>;
    authorsText: boolean;
    shots: Extract<Shots, string>;
  };
  weights: Weights;
  /** Height and width of a picture, in pixels. */
  resolution: number;
  pretrain: InEpochs<PretrainOptions>;
  anchors: AnchorOptions;
  finetune: InEpochs<FinetuneOptions>;
  /** α: weight of the visual branch in the prediction. */
  alpha: number;
  /** Top-1 accuracy that the paper reports, in percent. */
  top1: number;
  differs: readonly Difference[];
}
