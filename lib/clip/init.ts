import { random } from '../random.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type ClipConfig, checkClipConfig } from './config.js';
import { type ParameterSpec, parameterSpecs } from './parameters.js';

/** First values of one parameter: a function of the seed and its name, so that models of other sizes share nothing by accident. */
function values(spec: ParameterSpec, seed: number): Float32Array {
  const data = new Float32Array(spec.shape.reduce((a, b) => a * b, 1));
  const { initial } = spec;
  if (initial.kind === 'constant') return data.fill(initial.value);
  const draw = random(seed, spec.name);
  if (initial.kind === 'normal') for (let i = 0; i < data.length; i++) data[i] = initial.std * draw.normal();
  else for (let i = 0; i < data.length; i++) data[i] = initial.bound * (2 * draw.uniform() - 1);
  return data;
}

/** A model's parameters and buffers with CLIP's initialisation. The caller disposes them. */
export function initialize(config: ClipConfig, seed: number): TensorMap {
  checkClipConfig(config);
  const params: TensorMap = {};
  for (const spec of parameterSpecs(config)) params[spec.name] = tf.tensor(values(spec, seed), spec.shape, 'float32');
  return params;
}
