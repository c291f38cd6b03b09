import { join } from 'node:path';
import { END_ID, START_ID } from '../../lib/clip/bpe.js';
import { type LoadedClip, loadClip, saveClip } from '../../lib/clip/checkpoint/index.js';
import { create } from '../../lib/clip/model.js';
import { type FileTensors, readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';
import { type Random, random } from '../../lib/random.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { type Anchors, createLgrHead } from '../../lib/stages/head.js';
import { loadClassifier, saveClassifier } from '../../lib/stages/modelFile.js';
import { normalizeRows } from '../../lib/stages/zeroShot.js';
import type { Row } from './rows.js';

/**
 * A row's files, from which every participant reads the same model and batch: `model.safetensors` (a classifier in
 * stage 2, else a CLIP), `teacher.safetensors` (stage 1) and `batch.safetensors`: `images` [N, H, W, 3], `ids` [N, L]
 * and `labels` [N] (int32), `target` [N, D], `teacherText` [N, D], whichever the row uses.
 */
const pathOf = (folder: string, part: 'model' | 'teacher' | 'batch'): string => join(folder, `${part}.safetensors`);

/** What a row's files hold. The caller disposes the tensors. */
export interface RowTensors {
  params: TensorMap;
  batch: TensorMap;
  teacher?: Pick<LoadedClip, 'config' | 'params'>;
  anchors?: Anchors;
}

export async function writeRow(row: Row, folder: string): Promise<void> {
  const model = perturbed(create(row.config, { seed: 1 }).params);
  if (row.kind === 'stage2') await writeClassifier(row, model, pathOf(folder, 'model'));
  else await saveClip(pathOf(folder, 'model'), row.config, model);
  tf.dispose(model);
  if (row.kind === 'stage1') {
    const teacher = perturbed(create(row.config, { seed: 2 }).params);
    await saveClip(pathOf(folder, 'teacher'), row.config, teacher);
    tf.dispose(teacher);
  }
  await writeSafetensors(pathOf(folder, 'batch'), batchOf(row));
}

/**
 * A new model with its constants moved a little: CLIP starts the last batch norm of each block at 0, and a loss that
 * hides half of the parameters proves no agreement.
 */
function perturbed(params: TensorMap): TensorMap {
  const draw = random(3, 'perturbation');
  const moved = Object.entries(params).map(([name, tensor]) => {
    if (tensor.rank !== 1 || name.endsWith('running_var')) return [name, tensor] as const;
    const values = tensor.dataSync().map((x) => x + 0.1 * draw.normal());
    tensor.dispose();
    return [name, tf.tensor1d(values)] as const;
  });
  return Object.fromEntries(moved);
}

async function writeClassifier(row: Row & { kind: 'stage2' }, params: TensorMap, path: string): Promise<void> {
  const { config, classes, anchors: perClass } = row;
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  const head = createLgrHead(config.embedDim, classes, 1);
  const anchors: Anchors = {
    embeddings: tf.tensor3d(normals(random(4, 'anchors'), classes * perClass * config.embedDim), [
      classes,
      perClass,
      config.embedDim,
    ]),
    counts: Array.from({ length: classes }, () => perClass),
    sentences: [],
  };
  const info = { kind: 'lgr' as const, config, classes: names, trainCounts: names.map(() => 1) };
  await saveClassifier(path, { info, config, params: { ...params, ...head }, anchors });
  tf.dispose([head, anchors.embeddings] as tf.TensorContainer);
}

const normals = (draw: Random, n: number): Float32Array => Float32Array.from({ length: n }, () => draw.normal());

function batchOf(row: Row): FileTensors {
  const { batch, config } = row;
  const { imageSize } = config.visual;
  const dim = config.embedDim;
  const draw = random(5, row.name);
  const tensors: FileTensors = {};
  const add = (name: string, shape: number[], data: Float32Array | Int32Array): void => {
    tensors[name] = { shape, data };
  };
  if (row.kind !== 'text') {
    add('images', [batch, imageSize, imageSize, 3], normals(draw, batch * imageSize * imageSize * 3));
  }
  if (row.kind === 'image' || row.kind === 'text') add('target', [batch, dim], normals(draw, batch * dim));
  else
    add(
      'labels',
      [batch],
      Int32Array.from({ length: batch }, () => draw.int(row.classes)),
    );
  if (row.kind === 'text' || row.kind === 'stage1') {
    // Sentences of full length; every word has a row of its own in a compact vocabulary.
    const words = (config.text.vocabulary?.length ?? config.text.vocabSize) - 2;
    const ids = Int32Array.from({ length: batch * row.tokens }, (_, i) => {
      const at = i % row.tokens;
      return at === 0 ? START_ID : at === row.tokens - 1 ? END_ID : draw.int(words);
    });
    add('ids', [batch, row.tokens], ids);
  }
  if (row.kind === 'stage1') add('teacherText', [batch, dim], normalizeRows(normals(draw, batch * dim), dim));
  return tensors;
}

export async function readRow(row: Row, folder: string): Promise<RowTensors> {
  const model = await (row.kind === 'stage2' ? loadClassifier : loadClip)(pathOf(folder, 'model'));
  const teacher = row.kind === 'stage1' ? await loadClip(pathOf(folder, 'teacher')) : undefined;
  const { tensors } = await readSafetensors(pathOf(folder, 'batch'));
  const batch = Object.entries(tensors).map(([name, { data, shape }]) => {
    const values = data as Float32Array | Int32Array;
    return [name, tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32')] as const;
  });
  const anchors = 'anchors' in model ? (model.anchors as Anchors) : undefined;
  return { params: model.params, batch: Object.fromEntries(batch), teacher, anchors };
}
