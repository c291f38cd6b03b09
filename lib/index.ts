import { loadClip, saveClip } from './clip/checkpoint/index.js';
import { clipConfig } from './clip/config.js';
import { create } from './clip/model.js';
import { decode, encode, tokenize } from './clip/tokenizer.js';
import { openIconLt, openWebPairs } from './data/iconLt/index.js';
import { openFolder, openPictures } from './data/openPictures.js';
import { AnchorTable, anchorAttention, anchorAttentionWeights, anchorTable } from './ops/anchorAttention.js';
import { classwiseContrastive } from './ops/classwiseContrastive.js';
import { crossEntropy, softCrossEntropy } from './ops/crossEntropy.js';
import { layerNorm } from './ops/layerNorm.js';
import { l2Normalize } from './ops/normalize.js';
import { PAPER_PRESETS, paperPreset } from './presets/paper/index.js';
import { accuracyByShot } from './stages/accuracy.js';
import { loadAnchors, saveAnchors } from './stages/anchorFile.js';
import { buildAnchors } from './stages/anchors.js';
import { trainBaseline } from './stages/baseline.js';
import { inUpdates } from './stages/epochs.js';
import { evaluateByText, evaluateClassifier } from './stages/evaluation.js';
import { finetune } from './stages/finetune.js';
import { inspect, recognise } from './stages/inspect.js';
import { loadClassifier, saveClassifier } from './stages/modelFile.js';
import { pretrain } from './stages/pretrain.js';
import { chooseAlpha, explain } from './stages/recognise.js';
import { selectAnchors } from './stages/selectAnchors.js';
import { TextBank } from './stages/textBank.js';

/** The method's operations, each with its gradients. Synchronous; `ready()` comes first. */
export const ops = {
  classwiseContrastive,
  anchorAttention,
  anchorAttentionWeights,
  anchorTable,
  AnchorTable,
  crossEntropy,
  softCrossEntropy,
  l2Normalize,
  layerNorm,
} as const;

/** The stages: training, anchors, evaluation, and the files they leave. */
export const stages = {
  TextBank,
  pretrain,
  selectAnchors,
  buildAnchors,
  finetune,
  trainBaseline,
  chooseAlpha,
  recognise,
  explain,
  evaluateByText,
  evaluateClassifier,
  accuracyByShot,
  inspect,
  saveClassifier,
  loadClassifier,
  saveAnchors,
  loadAnchors,
} as const;

/** CLIP: tokenizer, architectures, models. */
export const clip = {
  tokenize,
  encode,
  decode,
  create,
  config: clipConfig,
  save: saveClip,
  load: loadClip,
} as const;

/** Data sets: pictures in any known layout, in folders, Icon-LT, and the pairs its teacher learns from. */
export const data = { open: openPictures, openFolder, openIconLt, openWebPairs } as const;

/**
 * The paper's runs as settings of both stages, in epochs: `inUpdates(get('imagenet-lt-r50').pretrain, pictures)` are the
 * options of a training on so many pictures.
 */
export const presets = { list: PAPER_PRESETS, get: paperPreset, inUpdates } as const;

export type { LoadedClip, LoadOptions } from './clip/checkpoint/index.js';
export type { Activation, ClipConfig, ResNetConfig, TextConfig, VitConfig } from './clip/config.js';
export type { ClipModel } from './clip/model.js';
export type { FolderOptions, OpenOptions } from './data/openPictures.js';
export type { ImageSource, LongTailData, PairData, ShotBounds } from './data/types.js';
export { type ErrorCode, VlltrError } from './errors.js';
export type { AnchorAttentionArguments, AnchorAttentionWeights } from './ops/anchorAttention.js';
export type { ClasswiseContrastiveArguments, ClasswiseContrastiveResult } from './ops/classwiseContrastive.js';
export type { PaperPreset } from './presets/paper/index.js';
export {
  type CapturedStep,
  type CaptureOptions,
  canCapture,
  capture,
  type Precision,
  type Step,
} from './runtime/capture/index.js';
export {
  type Backend,
  type Device,
  type KernelRoute,
  type ReadyOptions,
  type Runtime,
  ready,
} from './runtime/ready.js';
export { type TensorMap, tf } from './runtime/tf.js';
export type { TensorTree } from './runtime/tree.js';
export type { AccuracyReport, ShotAccuracy } from './stages/accuracy.js';
export type { InEpochs } from './stages/epochs.js';
export type { EvaluationRow, Stage1Evaluation } from './stages/evaluation.js';
export type { Anchors } from './stages/head.js';
export type { Inspection, Recognition } from './stages/inspect.js';
export type { Classifier, ClassifierInfo } from './stages/modelFile.js';
export type {
  AnchorOptions,
  BaselineOptions,
  FinetuneOptions,
  PretrainOptions,
  ScheduleKind,
  StageRun,
  TrainOptions,
} from './stages/options.js';
export type { SentenceShare } from './stages/recognise.js';
export type { SelectAnchorsArguments, SelectedAnchors } from './stages/selectAnchors.js';
export { Interrupted, type Progress } from './training/loop.js';
