import type { Precision } from '../runtime/capture/index.js';
import type { AugmentOptions } from '../training/augment.js';
import type { Progress } from '../training/loop.js';
import type { Decoding } from '../training/views.js';

/** How training pictures are drawn (METHOD.md, "Training sampler"). */
export type SamplerKind = 'sqrt' | 'uniform' | 'balanced';

/** How the learning rate goes. */
export type ScheduleKind = 'cosine' | 'epoch-cosine';

/** What every training stage can be told. All of it goes into the run's config.json. */
export interface TrainOptions {
  /** Updates. */
  steps: number;
  /** Pictures an update. */
  batch: number;
  /**
   * Pictures that the encoder is given at a time, for batches beyond its memory: the update stays that of the whole batch
   * (`microBatched`). Default: all of them.
   */
  microBatch?: number;
  /** Peak learning rate of AdamW. */
  learningRate: number;
  /** Updates of linear warm-up. */
  warmupSteps: number;
  /**
   * `cosine` (default): anew every update, rising linearly to the peak. `epoch-cosine`: the authors', one rate an epoch
   * (pictures / batch updates), warming up from 1e-6, one epoch late (`epochCosine`).
   */
  schedule?: ScheduleKind;
  /** Learning rate at the end of the cosine. */
  minLearningRate: number;
  /** AdamW's decoupled decay; spares biases, norms and (but for `decayScalars`) scalars. */
  weightDecay: number;
  /** Global gradient norm above which gradients are scaled down; absent: never. */
  clipNorm?: number;
  sampler: SamplerKind;
  /** Image view a training picture gets. */
  augment: AugmentOptions;
  /** How photographs are decoded for it. Default `fast`; evaluation is `exact` always. Without meaning in memory. */
  decode?: Decoding;
  /** Batch norm in training or (frozen statistics) eval mode. */
  batchNorm: 'train' | 'eval';
  /** Updates between checkpoints. */
  checkpointEvery: number;
  /** Updates between measurements on the validation split; 0: none. */
  evaluateEvery: number;
  /**
   * Whether an update runs as one TensorFlow function, which backend `tensorflow` alone has: `auto` (default) goes on op
   * by op where it cannot, `on` refuses then (ERR_CAPTURE), as do `precision: 'bf16'` and `xla`; `off` runs op by op.
   */
  capture?: 'auto' | 'on' | 'off';
  /** Arithmetic of products and convolutions in a captured update; parameters stay float32. Default fp32. */
  precision?: Precision;
  /** Captured updates are compiled by XLA. Default false. */
  xla?: boolean;
}

export interface ContrastiveOptions extends TrainOptions {
  /** Decay `logit_scale` like the matrices, as the authors' code does. Default false. */
  decayScalars?: boolean;
  /** Leave out CLIP's bound of ln 100 on `logit_scale`, as the authors' code does. Default false. */
  freeLogitScale?: boolean;
  /** Label smoothing ε of the contrastive loss. */
  smoothing: number;
}

export interface ClipOptions extends ContrastiveOptions {
  /** Longer captions are left out where a picture has shorter ones (start and end count); default: the context. */
  captionTokens?: number;
}

export interface PretrainOptions extends ContrastiveOptions {
  /** β: weight of the distillation from the teacher (the paper's λ); 0 leaves the teacher out. */
  distillWeight: number;
}

export interface ClassifierOptions extends TrainOptions {
  smoothing: number;
  /** Add the log prior of the sampler to the training logits (balanced softmax). */
  balanced: boolean;
  /** Factor of the encoder's learning rate against the head's; 0 freezes the encoder. */
  encoderRate: number;
  /** Probability 1 mixup 0.8 / cutmix 1.0, as the released configurations have it. */
  mixup: boolean;
}

export interface FinetuneOptions extends ClassifierOptions {
  /** Factor of the attention's learning rate (norms and projections) against the head's. */
  attentionRate: number;
  /** Stop the gradient through ‖G_c‖ (the iNaturalist configurations). */
  detachNorm: boolean;
}

export interface BaselineOptions extends ClassifierOptions {
  head: 'linear' | 'mlp';
}

/** How the anchors of a class are chosen from its sentences. */
export type AnchorChoice = 'anss' | 'random' | 'cut-off';

export interface AnchorOptions {
  /** M: anchors a class. */
  anchors: number;
  choice: AnchorChoice;
  /** At most this many pictures a class score its sentences. */
  imagesPerClass: number;
  /** Split whose pictures score the sentences. */
  split: 'train' | 'val';
}

/** Where a stage runs, and who is told. */
export interface StageRun {
  /** Folder of the run. */
  dir: string;
  seed: number;
  /** Digest of what the run begins with (data, initial weights); a checkpoint of another is not resumed. */
  identity?: string;
  /** Go on from the last good checkpoint. */
  resume: boolean;
  /** Batches prepared ahead of the update that takes them; no number depends on it. Default: as many as memory allows. */
  ahead?: number;
  /** Called after each update. */
  onProgress?: (progress: Progress) => void;
}
