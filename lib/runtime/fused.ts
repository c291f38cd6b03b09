import { VlltrError } from '../errors.js';
import type { OpAttribute, TensorFlowBackend, TensorFlowBinding } from './tensorflow.js';
import { tf } from './tf.js';

/** Whether the current backend is `tensorflow`, so that TensorFlow's ops can be reached by name. */
export function hasTensorFlow(): boolean {
  return tf.getBackend() === 'tensorflow';
}

/** An op's attribute, written without a binding at hand. */
export type Attribute = (binding: TensorFlowBinding) => OpAttribute;

/** Attributes of TensorFlow ops. An op must be given every attribute that has no default. */
export const attr = {
  /** A data type: `attr.type('T', 'float32')`. */
  type:
    (name: string, dtype: 'float32' | 'int32' | 'int64' | 'bool'): Attribute =>
    (b) => {
      const types = { float32: b.TF_FLOAT, int32: b.TF_INT32, int64: b.TF_INT64, bool: b.TF_BOOL };
      return { name, type: b.TF_ATTR_TYPE, value: types[dtype] };
    },
  float:
    (name: string, value: number): Attribute =>
    (b) => ({ name, type: b.TF_ATTR_FLOAT, value }),
  /** An integer or a list of them. */
  int:
    (name: string, value: number | readonly number[]): Attribute =>
    (b) => ({ name, type: b.TF_ATTR_INT, value }),
  bool:
    (name: string, value: boolean): Attribute =>
    (b) => ({ name, type: b.TF_ATTR_BOOL, value }),
  string:
    (name: string, value: string): Attribute =>
    (b) => ({ name, type: b.TF_ATTR_STRING, value }),
  /** A shape. */
  shape:
    (name: string, value: readonly number[]): Attribute =>
    (b) => ({ name, type: b.TF_ATTR_SHAPE, value }),
} as const;

let byName = false;

/** Whether the op that runs was called by `executeOp`: no kernel of TensorFlow.js then looks at the shapes of its inputs. */
export const isCalledByName = (): boolean => byName;

/**
 * Runs one of TensorFlow's ops, or an op registered in it, by name on backend `tensorflow`. No gradient: wrap it in
 * `tf.customGrad`. Attributes that are lists of strings or types cannot be given.
 * @param outputs how many tensors the op returns
 * @throws VlltrError ERR_BACKEND on another backend, ERR_NATIVE with TensorFlow's words if the op refuses
 */
export function executeOp(
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  if (!hasTensorFlow()) {
    throw new VlltrError('ERR_BACKEND', `The op ${name} needs backend tensorflow; this is ${tf.getBackend()}.`);
  }
  const backend = tf.backend() as TensorFlowBackend;
  const made = attributes.map((make) => make(backend.binding));
  byName = true;
  try {
    return backend.executeMultipleOutputs(name, made, inputs as tf.Tensor[], outputs);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new VlltrError('ERR_NATIVE', `${name} refused: ${said}`, { cause });
  } finally {
    byName = false;
  }
}
