import { expectTensors } from '../../clip/checkpoint/open.js';
import { check } from '../../errors.js';
import { inspectSafetensors } from '../../files/safetensors.js';
import { anyPath, classifierPath, clipPath } from './modelPath.js';

/** Kinds of model files by the format in their metadata, and the command that writes them. */
const KINDS: Record<string, string> = {
  'vl-ltr-clip': 'a CLIP model (vl-ltr pretrain or clip)',
  'vl-ltr-classifier': 'a classifier (vl-ltr finetune)',
  'vl-ltr-anchors': 'a file of anchors (vl-ltr anchors)',
  'vl-ltr-training-state': 'a training checkpoint (resume it with --resume)',
};

/** Refuses another kind of model file than the one wanted. Of CLIP models those of other programs are read, too. */
export async function expectKind(path: string, format: string): Promise<void> {
  if (format === 'vl-ltr-clip' && !path.endsWith('.safetensors')) return;
  const { metadata } = await inspectSafetensors(path);
  const found = KINDS[metadata.format ?? ''];
  const foreign = format === 'vl-ltr-clip' && found === undefined;
  check(metadata.format === format || foreign, 'ERR_CHECKPOINT', () => {
    return `${path} is ${found ?? 'a file of another program'}; expected ${KINDS[format]}`;
  });
}

/** What a file says to be a file of, where it is one of this package. */
export async function ownFormat(path: string): Promise<string | undefined> {
  const format = path.endsWith('.safetensors') ? (await inspectSafetensors(path)).metadata.format : undefined;
  return format?.startsWith('vl-ltr') ? format : undefined;
}

/** Refuses a run or a file, as `clipPath`, that is no CLIP model as far as its first bytes tell. @throws VlltrError */
export async function expectClip(path: string): Promise<void> {
  const file = clipPath(path);
  await expectTensors(file);
  await expectKind(file, 'vl-ltr-clip');
}

/** That is no classifier, as `classifierPath`. @throws VlltrError */
export const expectClassifier = (path: string): Promise<void> => expectKind(classifierPath(path), 'vl-ltr-classifier');

/** That is no model, as `anyPath`. @throws VlltrError */
export async function expectAny(path: string): Promise<void> {
  const file = anyPath(path);
  await expectTensors(file);
  const format = await ownFormat(file);
  if (format !== undefined && format !== 'vl-ltr-clip') await expectKind(file, 'vl-ltr-classifier');
}
