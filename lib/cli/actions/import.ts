import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadClip, saveClip } from '../../clip/checkpoint/index.js';
import type { Activation, ClipConfig } from '../../clip/config.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { ready } from '../../runtime/ready.js';
import { tf } from '../../runtime/tf.js';
import { classCounts } from '../../stages/accuracy.js';
import { importClassifier } from '../../stages/importClassifier.js';
import { type Classifier, saveClassifier } from '../../stages/modelFile.js';
import { dataName } from '../dataName.js';
import { print, say } from '../terminal.js';
import { classNames } from './classNames.js';
import { openData } from './openData.js';

/** The options of the command line. */
export interface ImportCommand {
  out: string;
  classes?: string;
  data?: string;
  alpha?: number;
  resolution?: number;
  activation?: Activation;
  force?: boolean;
  json?: boolean;
}

/** Runs `vl-ltr import`. */
export async function run(path: string, flags: ImportCommand): Promise<void> {
  const out = join(flags.out, 'model.safetensors');
  check(flags.force || !existsSync(out), 'ERR_CHECKPOINT', () => `${out} exists already; add --force to replace it`);
  check(resolve(path) !== resolve(out), 'ERR_USAGE', () => `${path} would be replaced by its own import`);
  await ready();
  const classifier = await openClassifier(path, flags);
  const found = classifier ? await saveStage2(out, classifier, flags) : await saveModel(out, path, flags);
  await writeJson(join(flags.out, 'config.json'), {
    command: 'import',
    from: resolve(path),
    ...(flags.data !== undefined && { data: dataName(flags.data) }),
    ...found,
  });
  if (flags.json) print(found);
  const next = classifier
    ? `vl-ltr predict --run ${flags.out} PICTURE`
    : `vl-ltr pretrain DATA --from ${flags.out}, or anchors and finetune`;
  say(`${out}: ${summary(found)}; next: ${next}`);
}

async function openClassifier(path: string, flags: ImportCommand): Promise<Classifier | undefined> {
  const classes = flags.classes === undefined ? undefined : classNames(flags.classes);
  // The names alone are wanted of the data, so pictures are not decoded at any particular size.
  const data = flags.data === undefined ? undefined : await openData(flags.data, 32);
  return importClassifier(path, {
    classes,
    order: data?.classes,
    trainCounts: data && Array.from(classCounts(data.train.labels, data.classes.length)),
    alpha: flags.alpha,
  });
}

/** What an import found. */
interface Found {
  kind: 'clip' | Classifier['info']['kind'];
  config: ClipConfig;
  classes?: number;
  anchors?: number;
  alpha?: number;
}

async function saveStage2(out: string, classifier: Classifier, flags: ImportCommand): Promise<Found> {
  for (const name of ['resolution', 'activation'] as const)
    check(flags[name] === undefined, 'ERR_USAGE', () => `--${name} is for CLIP models; the file is a classifier`);
  const { info, params, anchors } = classifier;
  await saveClassifier(out, classifier);
  tf.dispose([params, anchors?.embeddings ?? []]);
  return {
    kind: info.kind,
    config: info.config,
    classes: info.classes.length,
    ...(anchors && { anchors: anchors.counts.reduce((a, b) => a + b, 0), alpha: info.alpha }),
  };
}

async function saveModel(out: string, path: string, flags: ImportCommand): Promise<Found> {
  for (const name of ['classes', 'data', 'alpha'] as const)
    check(flags[name] === undefined, 'ERR_USAGE', () => `--${name} is for classifiers; the file is a CLIP model`);
  const model = await loadClip(path, { resolution: flags.resolution, activation: flags.activation });
  await saveClip(out, model.config, model.params);
  model.dispose();
  return { kind: 'clip', config: model.config };
}

function summary({ kind, config, classes, anchors }: Found): string {
  const { visual, embedDim } = config;
  const encoder =
    visual.kind === 'resnet'
      ? `ResNet [${visual.layers}] of width ${visual.width}`
      : `ViT of ${visual.layers} layers and width ${visual.width}, patches of ${visual.patchSize}`;
  const activation = visual.kind === 'vit' && kind === 'clip' ? `, ${visual.activation ?? 'quick_gelu'}` : '';
  const head = classes === undefined ? '' : `, ${classes} classes${anchors ? `, ${anchors} anchors` : ''}`;
  return `${encoder}, ${visual.imageSize} pixels, D = ${embedDim}${activation}${head}`;
}
