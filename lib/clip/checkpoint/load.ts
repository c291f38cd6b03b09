import { check, VlltrError } from '../../errors.js';
import { sizeOf, type TensorSource } from '../../files/tensorSource.js';
import { type TensorMap, tf } from '../../runtime/tf.js';
import { type Activation, type ClipConfig, checkClipConfig } from '../config.js';
import { POSITIONS } from '../layout.js';
import { type ClipModel, modelOf } from '../model.js';
import { type ParameterSpec, parameterSpecs } from '../parameters.js';
import { interpolatePositions } from '../positions.js';
import { architecture } from './architecture.js';
import { configBeside } from './beside.js';
import { type Dialect, dialectOf, isBeside, piecesOf, plainNames } from './names.js';
import { openTensors } from './open.js';
import { CLIP_FORMAT } from './save.js';

/** A model read from a file: parameters and buffers in memory layout, its configuration, the rest of the metadata. */
export interface LoadedClip {
  config: ClipConfig;
  params: TensorMap;
  metadata: Record<string, string>;
}

export interface LoadOptions {
  /** Height and width of the pictures, in pixels; default the checkpoint's. Position embeddings are interpolated. */
  resolution?: number;
  /**
   * Activation of the transformers. Default: what the file's own metadata or the configuration beside it says, else
   * `quick_gelu`, OpenAI's. Most of OpenCLIP's other models have `gelu`, which their tensors do not tell.
   */
  activation?: Activation;
}

const MAX_RESOLUTION = 2048;
const MAX_VOCABULARY = 1 << 20;

/**
 * Reads a CLIP model of any size, tensor by tensor: what `saveClip` wrote, OpenAI's TorchScript archives, state dicts of
 * `torch.save` (plain or under `model` or `state_dict`: the authors' stage 1, too), OpenCLIP's and Hugging Face's
 * safetensors (a file, an index of several, or the folder of either). Weights of 16 and 64 bits become float32. Nothing
 * in a file is executed. The caller disposes the model.
 * @throws VlltrError ERR_CHECKPOINT naming the file, the tensor, what it is and what was expected
 */
export async function loadClip(path: string, options: LoadOptions = {}): Promise<LoadedClip & ClipModel> {
  const source = await openTensors(path);
  try {
    const tensors = namedTensors(source);
    const config = await wantedConfig(path, tensors, options);
    const params = await readParameters(tensors, parameterSpecs(config));
    return { ...modelOf(config, params), config, params, metadata: { ...source.metadata } };
  } finally {
    await source.close();
  }
}

/** The architecture that `loadClip` would load, its weights left alone. @throws VlltrError ERR_CHECKPOINT */
export async function clipArchitecture(path: string, options: LoadOptions = {}): Promise<ClipConfig> {
  const source = await openTensors(path);
  try {
    return await wantedConfig(path, namedTensors(source), options);
  } finally {
    await source.close();
  }
}

async function wantedConfig(path: string, tensors: NamedTensors, options: LoadOptions): Promise<ClipConfig> {
  const { resolution, activation } = options;
  check(resolution === undefined || isResolution(resolution), 'ERR_ARGUMENT', () => {
    return `loadClip: resolution is ${resolution}, expected an integer from 1 to ${MAX_RESOLUTION}`;
  });
  const config = await configOf(path, tensors);
  if (resolution !== undefined) config.visual.imageSize = resolution;
  if (activation !== undefined) {
    config.text.activation = activation;
    if (config.visual.kind === 'vit') config.visual.activation = activation;
  }
  checkSizes(tensors.source.path, config);
  return config;
}

const isResolution = (n: number): boolean => Number.isSafeInteger(n) && n > 0 && n <= MAX_RESOLUTION;

/** A checkpoint's tensors under the names that a model knows them by. */
export interface NamedTensors {
  source: TensorSource;
  dialect: Dialect;
  /** Plain names -> names in the file. */
  names: ReadonlyMap<string, string>;
}

export function namedTensors(source: TensorSource): NamedTensors {
  const names = plainNames(source.tensors.keys());
  return { source, names, dialect: dialectOf(names.keys()) };
}

/** Whether a checkpoint is of the authors' stage 2 (anchors, or a vision-only head) rather than a CLIP model. */
export const isClassifier = ({ names }: NamedTensors): boolean =>
  names.has('text_embeddings') || names.has('fc.weight');

/** What an architecture is read from. */
export const evidenceOf = ({ source, names }: NamedTensors) => ({
  path: source.path,
  names: [...names.keys()],
  shapeOf: (name: string) => source.tensors.get(names.get(name) ?? '')?.shape,
});

async function configOf(path: string, tensors: NamedTensors): Promise<ClipConfig> {
  const { source, dialect } = tensors;
  const { format, config } = source.metadata;
  if (format === CLIP_FORMAT && config !== undefined) return ownConfig(source, config);
  check(!format?.startsWith('vl-ltr'), 'ERR_CHECKPOINT', () => {
    return `${source.path} is a ${format} file without a model configuration; expected a CLIP model`;
  });
  check(!isClassifier(tensors), 'ERR_CHECKPOINT', () => {
    return `${source.path} is a classifier of the authors' stage 2; expected a CLIP model (vl-ltr import reads it)`;
  });
  const beside = await configBeside(path, dialect);
  return architecture({ ...evidenceOf(tensors), beside }, dialect);
}

function ownConfig(source: TensorSource, text: string): ClipConfig {
  let config: ClipConfig;
  try {
    config = JSON.parse(text) as ClipConfig;
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${source.path}: its model configuration is no JSON`, { cause });
  }
  checkClipConfig(config);
  // A model has as many layers as its file has tensors for; the rest of its sizes is checked against theirs.
  const { visual } = config;
  const layers = visual.kind === 'vit' ? visual.layers : visual.layers.reduce((a, b) => a + b, 0);
  check(layers + config.text.layers <= source.tensors.size, 'ERR_CHECKPOINT', () => {
    return `${source.path} has ${source.tensors.size} tensors, too few for its configuration`;
  });
  return config;
}

/** Refuses sizes that no checkpoint has and that would exhaust memory. @throws VlltrError */
export function checkSizes(path: string, config: ClipConfig): void {
  checkClipConfig(config);
  const { imageSize } = config.visual;
  check(isResolution(imageSize) && config.text.vocabSize <= MAX_VOCABULARY, 'ERR_CHECKPOINT', () => {
    const limits = `at most ${MAX_RESOLUTION} and ${MAX_VOCABULARY}`;
    return `${path} is a model for ${imageSize} pixels and ${config.text.vocabSize} tokens; expected ${limits}`;
  });
}

/**
 * Parameters by their specifications, read one by one; what the checkpoint has beside them and a model would need is
 * refused. The caller disposes them. @throws VlltrError ERR_CHECKPOINT
 */
export async function readParameters(tensors: NamedTensors, specs: readonly ParameterSpec[]): Promise<TensorMap> {
  const params: TensorMap = {};
  const used = new Set<string>();
  try {
    for (const spec of specs) params[spec.name] = await readParameter(tensors, spec, used);
    const strange = [...tensors.names.keys()].filter((name) => !used.has(name) && !isBeside(name));
    check(strange.length === 0, 'ERR_CHECKPOINT', () => {
      const more = strange.length > 3 ? ` and ${strange.length - 3} more` : '';
      return `${tensors.source.path} has tensors that no such model has: ${strange.slice(0, 3).join(', ')}${more}`;
    });
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
  return params;
}

async function readParameter(tensors: NamedTensors, spec: ParameterSpec, used: Set<string>): Promise<tf.Tensor> {
  const { source, names, dialect } = tensors;
  const pieces = piecesOf(spec, dialect);
  let resized: readonly number[] | undefined;
  for (const { name, shape } of pieces) {
    const found = source.tensors.get(names.get(name) ?? '')?.shape;
    check(found, 'ERR_CHECKPOINT', () => `${source.path} has no ${name}; expected it as [${shape}]`);
    used.add(name);
    const equal = String(found) === String(shape) || (shape.length === 0 && sizeOf(found) === 1);
    if (!equal && POSITIONS.includes(spec.name) && isSquare(found, shape[1]!)) resized = found;
    check(equal || resized, 'ERR_CHECKPOINT', () => `${source.path}: ${name} is [${found}]; expected [${shape}]`);
  }
  const shape = resized ? [...resized] : spec.shape;
  const data = new Float32Array(sizeOf(shape));
  for (const { name, offset, strides } of pieces) await source.read(names.get(name)!, data, { offset, strides });
  const tensor = tf.tensor(data, shape, 'float32');
  if (!resized) return tensor;
  const positions = interpolatePositions(tensor as tf.Tensor2D, Math.sqrt(spec.shape[0]! - 1));
  tensor.dispose();
  return positions;
}

/** Whether positions of so many channels cover a square, beside the first one. */
const isSquare = ([rows, channels, ...rest]: readonly number[], width: number): boolean =>
  rest.length === 0 && channels === width && rows !== undefined && rows > 1 && Number.isInteger(Math.sqrt(rows - 1));
