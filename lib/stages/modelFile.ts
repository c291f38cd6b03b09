import type { ClipConfig } from '../clip/config.js';
import { fromFile, toFile } from '../clip/layout.js';
import { check, VlltrError } from '../errors.js';
import { type FileTensors, readSafetensors, writeSafetensors } from '../files/safetensors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type Anchors, isHeadParameter } from './head.js';

/** What a trained classifier knows besides its tensors; JSON in the file's metadata. */
export interface ClassifierInfo {
  kind: 'lgr' | 'baseline';
  config: ClipConfig;
  classes: string[];
  /** Training pictures of each class; none where the model was imported and they are not known. */
  trainCounts: number[];
  /** Share of train that was held out for validation; evaluation leaves out the same pictures. Absent: none. */
  holdOut?: number;
  /** Weight of the visual branch in the prediction, and where it was chosen; LGR only. */
  alpha?: number;
  alphaChosenOn?: string;
  /** Anchor sentences of each class; LGR only. */
  sentences?: string[][];
}

/** A trained classifier: visual encoder, head and, for LGR, the anchors. */
export interface Classifier {
  info: ClassifierInfo;
  config: ClipConfig;
  params: TensorMap;
  anchors?: Anchors;
}

const FORMAT = 'vl-ltr-classifier';

/** A classifier keeps no text encoder, its anchors stand for it; the baseline has no logit scale either. */
export const kept =
  (kind: ClassifierInfo['kind']) =>
  (name: string): boolean =>
    name.startsWith('visual.') || (kind === 'lgr' && name === 'logit_scale');

/**
 * Writes a classifier as safetensors in PyTorch's layouts under the names of the authors' stage-2 checkpoints:
 * `visual.*`, `logit_scale`, `text_embeddings`, `text_block.*` (or `fc.*` for the baseline).
 * @param dtype 'F16' halves the file at a relative error of 5e-4
 */
export async function saveClassifier(path: string, model: Classifier, dtype: 'F32' | 'F16' = 'F32'): Promise<void> {
  const tensors = await toFile(model.config, model.params, kept(model.info.kind));
  for (const [name, tensor] of Object.entries(model.params)) {
    if (!isHeadParameter(name)) continue;
    const turned = tensor.rank === 2 ? tf.transpose(tensor) : tensor.clone();
    tensors[name] = { shape: turned.shape, data: (await turned.data()) as Float32Array };
    turned.dispose();
  }
  if (model.anchors) {
    const { embeddings, counts } = model.anchors;
    tensors.text_embeddings = { shape: embeddings.shape, data: (await embeddings.data()) as Float32Array };
    tensors.anchor_counts = { shape: [counts.length], data: Int32Array.from(counts) };
  }
  await writeSafetensors(path, tensors, {
    dtype,
    metadata: { format: FORMAT, info: JSON.stringify(model.info) },
    checksum: true,
  });
}

/** Reads what `saveClassifier` wrote. The caller disposes it. @throws VlltrError ERR_CHECKPOINT */
export async function loadClassifier(path: string): Promise<Classifier> {
  const { tensors, metadata } = await readSafetensors(path);
  check(
    metadata.format === FORMAT && metadata.info,
    'ERR_CHECKPOINT',
    () => `${path} is a ${metadata.format ?? 'foreign'} file; expected a classifier written by vl-ltr finetune`,
  );
  let info: ClassifierInfo;
  try {
    info = JSON.parse(metadata.info) as ClassifierInfo;
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path}: its description is no JSON`, { cause });
  }
  const config = info.config;
  const params = { ...fromFile(config, tensors, kept(info.kind)), ...headOf(tensors) };
  return { info, config, params, anchors: anchorsOf(tensors, info) };
}

function headOf(tensors: FileTensors): TensorMap {
  const head: TensorMap = {};
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    if (!isHeadParameter(name)) continue;
    head[name] = tf.tidy(() => {
      const t = tf.tensor(data as Float32Array, shape);
      return t.rank === 2 ? tf.transpose(t) : t;
    });
  }
  return head;
}

function anchorsOf(tensors: FileTensors, info: ClassifierInfo): Anchors | undefined {
  const { text_embeddings: embeddings, anchor_counts: counts } = tensors;
  if (!embeddings || !counts) return undefined;
  return {
    embeddings: tf.tensor3d(embeddings.data as Float32Array, embeddings.shape as [number, number, number]),
    counts: Array.from(counts.data as Int32Array),
    sentences: info.sentences ?? [],
  };
}
