import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type LoadedClip, loadClip } from '../../clip/checkpoint/index.js';
import type { LongTailData } from '../../data/types.js';
import { check, VlltrError } from '../../errors.js';
import { shippedTeacher } from '../../presets/teacher.js';
import { shortHash } from '../../runtime/paths.js';
import { type Classifier, loadClassifier } from '../../stages/modelFile.js';
import { expectKind } from './modelKind.js';
import { classifierPath, clipPath } from './modelPath.js';

/**
 * A CLIP model from a run folder, a file, or (`undefined`) the one that ships.
 * @param resolution height and width of the pictures, in pixels; default the model's own
 */
export async function openClip(path: string | undefined, resolution?: number): Promise<LoadedClip & { path: string }> {
  const shipped = shippedTeacher();
  if (path === undefined && !existsSync(shipped)) {
    throw new VlltrError('ERR_DATA', `the shipped model ${shipped} is missing; name one with --from model.safetensors`);
  }
  const file = path === undefined ? shipped : clipPath(path);
  await expectKind(file, 'vl-ltr-clip');
  return { ...(await loadClip(file, { resolution })), path: resolve(file) };
}

/**
 * The CLIP model that stage 1 distils from: its own start unless another is named, which must see the same.
 * @throws VlltrError ERR_CHECKPOINT
 */
export async function openTeacher(
  path: string | undefined,
  start: LoadedClip & { path: string },
  resolution?: number,
): Promise<LoadedClip & { path: string }> {
  if (path === undefined) return start;
  const teacher = await openClip(path, resolution);
  const [own, taught] = [start.config, teacher.config];
  check(
    taught.visual.imageSize === own.visual.imageSize && taught.text.contextLength >= own.text.contextLength,
    'ERR_CHECKPOINT',
    () =>
      `the teacher ${teacher.path} sees ${taught.visual.imageSize} pixels and ${taught.text.contextLength} tokens, ` +
      `${start.path} ${own.visual.imageSize} and ${own.text.contextLength}; expected as many`,
  );
  return teacher;
}

/** A classifier from the folder of a finetune run, or its file. */
export async function openClassifier(path: string): Promise<Classifier & { path: string }> {
  const file = classifierPath(path);
  await expectKind(file, 'vl-ltr-classifier');
  return { ...(await loadClassifier(file)), path: file };
}

const listed = (names: string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');

/** Refuses data whose classes are not, in order, those a model was made for. @throws VlltrError ERR_DATA naming them */
export function checkClasses(classes: readonly string[], data: LongTailData, what: string): void {
  const [mine, theirs] = [new Set(classes), new Set(data.classes)];
  const unknown = data.classes.filter((name) => !mine.has(name));
  const lacking = classes.filter((name) => !theirs.has(name));
  const parts = [
    ...(unknown.length ? [`it does not know ${listed(unknown)}`] : []),
    ...(lacking.length ? [`${data.name} lacks ${listed(lacking)}`] : []),
  ];
  if (parts.length === 0) {
    const at = classes.findIndex((name, c) => name !== data.classes[c]);
    if (at < 0 && classes.length === data.classes.length) return;
    parts.push(`class ${at} is ${classes[at]} there and ${data.classes[at]} in ${data.name}`);
  }
  throw new VlltrError(
    'ERR_DATA',
    `${what} was made for ${classes.length} classes, ${data.name} has ${data.classes.length}: ${parts.join('; ')}`,
  );
}

/** Digest of what training sees of a data set: names, texts, pictures' ids and labels. */
export function dataDigest(data: LongTailData): string {
  const { train } = data;
  const ids = Array.from({ length: train.length }, (_, i) => `${train.id(i)}\t${train.labels[i]}`);
  return shortHash([JSON.stringify([data.classes, data.sentences, ids])]);
}

/**
 * The share of train that is held out: what was asked for, else what the stage-1 model was trained without.
 * @throws VlltrError ERR_USAGE where the two differ: the model has seen pictures that would validate it
 */
export function holdOutFor(model: Pick<LoadedClip, 'metadata'> & { path: string }, asked: number | undefined): number {
  const { stage, holdOut } = model.metadata;
  const before = Number(holdOut ?? 0);
  check(stage !== 'pretrain' || asked === undefined || asked === before, 'ERR_USAGE', () => {
    return `${model.path} was trained with --hold-out ${before}: with ${asked} it would be validated on pictures it has seen`;
  });
  return asked ?? before;
}

/** Refuses data other than a stage-1 model was trained on; a CLIP of no classes (`vl-ltr clip`) fits any. */
export function checkTrainedOn(model: LoadedClip & { path: string }, data: LongTailData): void {
  if (model.metadata.classes) checkClasses(JSON.parse(model.metadata.classes) as string[], data, model.path);
}
