import { check } from '../errors.js';
import type { FileTensor, FileTensors } from '../files/safetensors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type ClipConfig, checkClipConfig } from './config.js';
import { type ParameterLayout, type ParameterSpec, parameterSpecs } from './parameters.js';
import { interpolatePositions } from './positions.js';

/** Axis of the memory's layout at each axis of the file's (PyTorch's) and back. */
export const TO_FILE: Record<ParameterLayout, number[] | undefined> = {
  conv: [3, 2, 0, 1],
  linear: [1, 0],
  same: undefined,
};
const FROM_FILE: Record<ParameterLayout, number[] | undefined> = {
  conv: [2, 3, 1, 0],
  linear: [1, 0],
  same: undefined,
};

const permuted = (shape: readonly number[], order: readonly number[] | undefined): number[] =>
  order ? order.map((axis) => shape[axis]!) : [...shape];

/** A choice of a model's parameters by name; a classifier's file holds the visual half only. */
export type Chosen = (name: string) => boolean;

/**
 * A model's tensors (or the chosen ones) as PyTorch holds them: convolutions OIHW, linear maps [out, in].
 * @throws VlltrError ERR_ARGUMENT
 */
export async function toFile(config: ClipConfig, params: TensorMap, chosen: Chosen = () => true): Promise<FileTensors> {
  const tensors: FileTensors = {};
  for (const { name, layout, shape } of parameterSpecs(config)) {
    if (!chosen(name)) continue;
    const tensor = params[name];
    check(tensor && String(tensor.shape) === String(shape), 'ERR_ARGUMENT', () => {
      return `${name} is ${tensor ? `[${tensor.shape}]` : 'missing'}, expected [${shape}]`;
    });
    const order = TO_FILE[layout];
    const turned = order ? tf.transpose(tensor, order) : tensor.clone();
    tensors[name] = { shape: permuted(shape, order), data: (await turned.data()) as Float32Array };
    turned.dispose();
  }
  return tensors;
}

/**
 * A model's tensors (or the chosen ones) from PyTorch's layout; the caller disposes them. Names that the model does not use are ignored;
 * position embeddings of another picture size are interpolated.
 * @throws VlltrError ERR_CHECKPOINT naming a tensor that is missing or does not fit
 */
export function fromFile(config: ClipConfig, tensors: FileTensors, chosen: Chosen = () => true): TensorMap {
  checkClipConfig(config);
  return tf.tidy(() => {
    const params: TensorMap = {};
    for (const spec of parameterSpecs(config))
      if (chosen(spec.name)) params[spec.name] = read(spec, tensors[spec.name]);
    return params;
  });
}

/** Positions that pictures of another size have others of. */
export const POSITIONS = ['visual.positional_embedding', 'visual.attnpool.positional_embedding'];

function read({ name, layout, shape }: ParameterSpec, found: FileTensor | undefined): tf.Tensor {
  const order = FROM_FILE[layout];
  const expected = permuted(shape, TO_FILE[layout]);
  check(found, 'ERR_CHECKPOINT', () => `the checkpoint has no ${name}, expected [${expected}]`);
  const rows = found.shape[0] ?? 0;
  const resized =
    POSITIONS.includes(name) &&
    found.shape.length === 2 &&
    found.shape[1] === shape[1] &&
    rows !== shape[0] &&
    rows > 1 &&
    Number.isInteger(Math.sqrt(rows - 1));
  check(resized || String(found.shape) === String(expected), 'ERR_CHECKPOINT', () => {
    return `the checkpoint's ${name} is [${found.shape}], expected [${expected}]`;
  });
  const data = found.data instanceof Float32Array ? found.data : Float32Array.from(found.data, Number);
  const tensor = tf.tensor(data, found.shape, 'float32');
  if (resized) return interpolatePositions(tensor as tf.Tensor2D, Math.sqrt(shape[0]! - 1));
  return order ? tf.transpose(tensor, order) : tensor;
}
