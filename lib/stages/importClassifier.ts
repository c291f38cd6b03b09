import { visualArchitecture } from '../clip/checkpoint/architecture.js';
import {
  checkSizes,
  evidenceOf,
  isClassifier,
  type NamedTensors,
  namedTensors,
  readParameters,
} from '../clip/checkpoint/load.js';
import { openTensors } from '../clip/checkpoint/open.js';
import { type ParameterLayout, type ParameterSpec, parameterSpecs } from '../clip/parameters.js';
import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { createLgrHead } from './head.js';
import { type Classifier, kept } from './modelFile.js';

/** What the authors' stage-2 checkpoint does not say of itself. */
export interface ImportOptions {
  /** Its classes, in its order. Default: "class 0", "class 1", … */
  classes?: readonly string[];
  /** The same classes in the order that is wanted. */
  order?: readonly string[];
  /** Training pictures of each class, in the order that is wanted. */
  trainCounts?: readonly number[];
  /** α: weight of the visual branch in the prediction. Default 0.2, the authors' for ImageNet-LT and Places-LT. */
  alpha?: number;
}

const ALPHA = 0.2;
const HEAD = 'text_block.visual_fc.2.weight';

/**
 * Reads a checkpoint of the authors' stage 2: the visual encoder, and the two-branch head with its anchors, or the
 * vision-only `fc`. `undefined` where the file is a CLIP model instead. The caller disposes it.
 * @throws VlltrError ERR_CHECKPOINT; ERR_DATA where the classes are not as many or not the same
 */
export async function importClassifier(path: string, options: ImportOptions = {}): Promise<Classifier | undefined> {
  const source = await openTensors(path);
  try {
    const tensors = namedTensors(source);
    return isClassifier(tensors) ? await read(tensors, options) : undefined;
  } finally {
    await source.close();
  }
}

async function read(tensors: NamedTensors, options: ImportOptions): Promise<Classifier> {
  const { path } = tensors.source;
  const evidence = evidenceOf(tensors);
  const kind = tensors.names.has('text_embeddings') ? 'lgr' : 'baseline';
  const config = visualArchitecture(evidence);
  checkSizes(path, config);
  const dim = config.embedDim;
  const [count, width] = evidence.shapeOf(kind === 'lgr' ? HEAD : 'fc.weight') ?? [];
  check(count && width, 'ERR_CHECKPOINT', () => `${path} has no ${HEAD} [classes, 4·D]; expected a two-branch head`);
  const specs = [
    ...parameterSpecs(config).filter(({ name }) => kept(kind)(name)),
    ...(kind === 'lgr' ? lgrSpecs(dim, count, evidence.shapeOf('text_embeddings')) : baselineSpecs(dim, count)),
  ];
  const order = permutation(path, count, options);
  const read = await readParameters(tensors, specs);
  const { text_embeddings: embeddings, ...params } = reordered(read, kind === 'lgr' ? HEAD : 'fc.weight', order);
  const classes = [...(options.order ?? options.classes ?? numbered('class', count))];
  const info = { config, classes, trainCounts: [...(options.trainCounts ?? [])] };
  if (!embeddings) return { config, params, info: { kind: 'baseline', ...info } };
  const counts = anchorCounts(embeddings as tf.Tensor3D);
  // The file has the sentences' embeddings and not their texts.
  const sentences = counts.map((n) => numbered('sentence', n));
  return {
    config,
    params,
    anchors: { embeddings: embeddings as tf.Tensor3D, counts, sentences },
    info: { kind: 'lgr', ...info, alpha: options.alpha ?? ALPHA, alphaChosenOn: 'default', sentences },
  };
}

const numbered = (what: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${what} ${i}`);

const spec = (name: string, shape: number[], layout: ParameterLayout = 'same'): ParameterSpec => ({
  name,
  shape,
  layout,
  initial: { kind: 'constant', value: 0 },
});

/** Two-dimensional weights are linear maps, [out, in] in the file. */
const linearOrVector = (name: string, shape: number[]): ParameterSpec =>
  spec(name, shape, shape.length === 2 ? 'linear' : 'same');

function lgrSpecs(dim: number, classes: number, embeddings: readonly number[] = []): ParameterSpec[] {
  const anchors = embeddings.length === 3 ? embeddings[1]! : 1;
  const shapes = tf.tidy(() => Object.entries(createLgrHead(1, 1, 0)).map(([name, { rank }]) => [name, rank] as const));
  const sizes: Record<string, number[]> = {
    'text_block.visual_fc.0.weight': [dim, 4 * dim],
    'text_block.visual_fc.0.bias': [4 * dim],
    [HEAD]: [4 * dim, classes],
    'text_block.visual_fc.2.bias': [classes],
  };
  return [
    ...shapes.map(([name, rank]) => linearOrVector(name, sizes[name] ?? new Array<number>(rank).fill(dim))),
    spec('text_embeddings', [classes, anchors, dim]),
  ];
}

const baselineSpecs = (dim: number, classes: number): ParameterSpec[] => [
  linearOrVector('fc.weight', [dim, classes]),
  linearOrVector('fc.bias', [classes]),
];

/** Row of the file for each class that is wanted; undefined: as they are. */
function permutation(path: string, count: number, options: ImportOptions): number[] | undefined {
  const { classes, order, trainCounts } = options;
  for (const given of [classes, order, trainCounts])
    check(!given || given.length === count, 'ERR_DATA', () => {
      return `${path} was made for ${count} classes; expected as many, not ${given!.length}`;
    });
  if (!classes || !order) return undefined;
  const rows = new Map(classes.map((name, row) => [name, row]));
  return order.map((name) => {
    const row = rows.get(name);
    check(row !== undefined, 'ERR_DATA', () => `the classes of ${path} do not include ${JSON.stringify(name)}`);
    return row;
  });
}

/** The tensors that have a row for each class, in another order. */
function reordered(params: TensorMap, weight: string, order: number[] | undefined): TensorMap {
  if (!order) return params;
  const axes: Record<string, number> = { text_embeddings: 0, [weight]: 1, [weight.replace(/weight$/, 'bias')]: 0 };
  const moved = { ...params };
  for (const [name, axis] of Object.entries(axes)) {
    if (!params[name]) continue;
    moved[name] = tf.tidy(() => tf.gather(params[name]!, tf.tensor1d(order, 'int32'), axis));
    params[name].dispose();
  }
  return moved;
}

/** Anchors of each class: the rows up to the zeros that the authors' code fills a class up with; at least one. */
function anchorCounts(embeddings: tf.Tensor3D): number[] {
  const [classes, rows, dim] = embeddings.shape;
  const values = embeddings.dataSync();
  return Array.from({ length: classes }, (_, c) => {
    let count = rows;
    const empty = (m: number): boolean => {
      const from = (c * rows + m) * dim;
      return values.subarray(from, from + dim).every((v) => v === 0);
    };
    while (count > 1 && empty(count - 1)) count--;
    return count;
  });
}
