import { dirname, join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { writeJson } from '../files/atomic.js';
import { inspectSafetensors, readSafetensors, writeSafetensors } from '../files/safetensors.js';
import { hashFile } from '../files/sha256.js';
import { tf } from '../runtime/tf.js';
import type { Anchors } from './head.js';
import type { AnchorOptions } from './options.js';

/** What a file of anchors knows besides its tensors; JSON in the file's metadata. */
export interface AnchorInfo {
  classes: string[];
  /** sentences[c][m] is the text of anchor m, best first. */
  sentences: string[][];
  options: AnchorOptions;
  seed: number;
  /** Digest of the model file whose text encoder made the embeddings. */
  model: string;
}

const FORMAT = 'vl-ltr-anchors';

/** Digest of a model file, by which anchors know whether they are its own. */
export async function fileDigest(path: string): Promise<string> {
  return (await hashFile(path)).update('\0').digest('hex').slice(0, 24);
}

/** An anchor sentence and the loss it was chosen by (`null` where it was chosen otherwise). */
export interface AnchorListing {
  sentence: string;
  loss: number | null;
}

/** Class → its anchors, the best first. */
export function listAnchors(
  classes: readonly string[],
  anchors: Pick<Anchors, 'sentences'>,
  losses: (number | null)[][],
): Record<string, AnchorListing[]> {
  return Object.fromEntries(
    classes.map((name, c) => [name, anchors.sentences[c]!.map((sentence, m) => ({ sentence, loss: losses[c]![m]! }))]),
  );
}

/**
 * Writes `path` (safetensors: text_embeddings [C, M, D], not normalised, and anchor_counts [C]) and, beside it,
 * `anchors.json` for people: class → [{sentence, loss}].
 */
export async function saveAnchors(
  path: string,
  anchors: Anchors,
  info: AnchorInfo,
  losses: (number | null)[][],
): Promise<void> {
  const { embeddings, counts } = anchors;
  await writeSafetensors(
    path,
    {
      text_embeddings: { shape: embeddings.shape, data: (await embeddings.data()) as Float32Array },
      anchor_counts: { shape: [counts.length], data: Int32Array.from(counts) },
    },
    { metadata: { format: FORMAT, info: JSON.stringify(info) }, checksum: true },
  );
  await writeJson(join(dirname(path), 'anchors.json'), listAnchors(info.classes, anchors, losses));
}

/** What a file of anchors knows, its embeddings left alone. @throws VlltrError ERR_CHECKPOINT */
export async function anchorInfo(path: string): Promise<AnchorInfo> {
  return infoOf(path, (await inspectSafetensors(path)).metadata);
}

function infoOf(path: string, metadata: Record<string, string>): AnchorInfo {
  check(metadata.format === FORMAT && metadata.info, 'ERR_CHECKPOINT', () => notAnchors(path, metadata));
  try {
    return JSON.parse(metadata.info) as AnchorInfo;
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path}: its description is no JSON`, { cause });
  }
}

const notAnchors = (path: string, metadata: Record<string, string>): string =>
  `${path} is a ${metadata.format ?? 'foreign'} file; expected anchors written by vl-ltr anchors`;

/** Reads what `saveAnchors` wrote. The caller disposes the embeddings. @throws VlltrError ERR_CHECKPOINT */
export async function loadAnchors(path: string): Promise<{ anchors: Anchors; info: AnchorInfo }> {
  const { tensors, metadata } = await readSafetensors(path);
  const info = infoOf(path, metadata);
  const { text_embeddings: embeddings, anchor_counts: counts } = tensors;
  check(embeddings && counts, 'ERR_CHECKPOINT', () => notAnchors(path, metadata));
  return {
    info,
    anchors: {
      embeddings: tf.tensor3d(embeddings.data as Float32Array, embeddings.shape as [number, number, number]),
      counts: Array.from(counts.data as Int32Array),
      sentences: info.sentences,
    },
  };
}
