import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LoadedClip, saveClip } from '../../clip/checkpoint/index.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { isFolder } from '../../files/folder.js';
import { writeNpy } from '../../files/npy.js';
import { ready } from '../../runtime/ready.js';
import { tf } from '../../runtime/tf.js';
import { anchorInfo, fileDigest, loadAnchors } from '../../stages/anchorFile.js';
import type { Anchors } from '../../stages/head.js';
import { type Classifier, saveClassifier } from '../../stages/modelFile.js';
import { print, say } from '../terminal.js';
import { anyPath } from './modelPath.js';
import { openAny } from './recogniser.js';

/** The options of the command line. */
export interface ExportCommand {
  out: string;
  half?: boolean;
  force?: boolean;
  json?: boolean;
}

/** Anchors and the classes they are of. */
interface Exported {
  anchors: Anchors;
  classes: string[];
}

/** Runs `vl-ltr export`. */
export async function run(path: string, flags: ExportCommand): Promise<void> {
  const model = anyPath(path);
  const names = ['model.safetensors', 'anchors.npy', 'anchors.json'].map((name) => join(flags.out, name));
  const [out, array, listing] = names as [string, string, string];
  check(resolve(model) !== resolve(out), 'ERR_USAGE', () => `${model} would be replaced by its own export`);
  const held = names.find((name) => existsSync(name));
  check(flags.force || !held, 'ERR_CHECKPOINT', () => `${held} exists already; add --force to replace it`);
  await ready();
  const dtype = flags.half ? 'F16' : 'F32';
  const opened = await openAny(path);
  const exported =
    opened.kind === 'classifier'
      ? await exportClassifier(out, opened.classifier, dtype)
      : await exportClip(path, opened.clip, out, dtype);
  const written = [out];
  if (exported) {
    const { anchors, classes } = exported;
    const { embeddings, counts, sentences } = anchors;
    await writeNpy(array, (await embeddings.data()) as Float32Array, embeddings.shape);
    await writeJson(listing, { classes, counts, sentences });
    embeddings.dispose();
    written.push(array, listing);
  }
  if (flags.json) print({ written });
  say(written.join(', '));
}

async function exportClassifier(out: string, model: Classifier, dtype: 'F32' | 'F16'): Promise<Exported | undefined> {
  await saveClassifier(out, model, dtype);
  tf.dispose(model.params);
  return model.anchors && { anchors: model.anchors, classes: model.info.classes };
}

/** A stage-1 run's anchors, where it has some, go with its model. @throws VlltrError ERR_CHECKPOINT where another's lie there */
async function exportClip(
  run: string,
  model: LoadedClip & { path: string },
  out: string,
  dtype: 'F32' | 'F16',
): Promise<Exported | undefined> {
  const file = join(run, 'anchors.safetensors');
  const anchored = isFolder(run) && existsSync(file);
  if (anchored) {
    const own = (await anchorInfo(file)).model === (await fileDigest(model.path));
    check(own, 'ERR_CHECKPOINT', () => {
      return `${file} was made with another model than ${model.path}; make it anew (vl-ltr anchors --run ${run} --force)`;
    });
  }
  await saveClip(out, model.config, model.params, { dtype, metadata: model.metadata });
  tf.dispose(model.params);
  if (!anchored) return undefined;
  const { anchors, info } = await loadAnchors(file);
  return { anchors, classes: info.classes };
}
