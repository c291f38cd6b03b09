import { loadAddon } from '../../bindings/load.js';
import { attr, executeOp } from '../runtime/fused.js';
import { type KernelRoute, kernels, runtime } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { Arguments } from './arguments.js';
import { onHostArrays } from './hostArrays.js';

const EPSILON = 1e-5;

/**
 * Layer normalisation over the last axis (Ba, Kiros, Hinton 2016, eq. 4): y = gamma (x - mean) / sqrt(variance + eps) +
 * beta, the variance being the biased one. With gradients to x, gamma and beta, by the route that `ready()` chose.
 * @param x float32 [..., D], at least one axis
 * @param gamma float32 [D]
 * @param beta float32 [D]
 * @throws VlltrError ERR_ARGUMENT, ERR_NOT_READY; ERR_NATIVE if a kernel refuses
 */
export function layerNorm<T extends tf.Tensor>(x: T, gamma: tf.Tensor, beta: tf.Tensor, epsilon = EPSILON): T {
  return layerNormBy(route(), x, gamma, beta, epsilon);
}

/** The chosen route; but the addon has no kernel for a card here, and TensorFlow's tensors are not to leave theirs. */
function route(): KernelRoute {
  const chosen = kernels('layerNorm');
  return chosen === 'tensorflow' && runtime().device === 'cuda' ? 'tfjs' : chosen;
}

/** `layerNorm` by a given route. */
export function layerNormBy<T extends tf.Tensor>(
  route: KernelRoute,
  x: T,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon = EPSILON,
): T {
  const args = new Arguments('layerNorm');
  if (!(x instanceof tf.Tensor) || x.rank === 0) args.fail('x', x, 'float32 [..., D]');
  args.tensor('x', x, [...x.shape.slice(0, -1), 'D']);
  args.tensor('gamma', gamma, ['D']);
  args.tensor('beta', beta, ['D']);
  args.number('epsilon', epsilon, 0);
  if (route === 'tfjs') return layerNormTfjs(x, gamma, beta, epsilon);
  return differentiable(route === 'tensorflow' ? tensorflow : node, x, gamma, beta, epsilon) as T;
}

/** `layerNorm` from TensorFlow.js's own operations, differentiated by it: the reference, and the route without an addon. */
export function layerNormTfjs<T extends tf.Tensor>(x: T, gamma: tf.Tensor, beta: tf.Tensor, epsilon = EPSILON): T {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), gamma), beta) as T;
  });
}

/** A native implementation of both directions. Gives [y, mean, rstd] and [dx, dgamma, dbeta]. */
interface Implementation {
  forward(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor[];
  backward(dy: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor, mean: tf.Tensor, rstd: tf.Tensor): tf.Tensor[];
}

/** As ops of the addon inside TensorFlow, on its own buffers. */
const tensorflow: Implementation = {
  // epsilon is an attribute: it is a constant of the model, and TensorFlow caches each value it sees.
  forward: (x, gamma, beta, epsilon) =>
    executeOp('VlltrLayerNorm', [attr.float('epsilon', epsilon)], [x, gamma, beta], 3),
  backward: (...inputs) => executeOp('VlltrLayerNormGrad', [], inputs, 3),
};

/** Through Node-API, on typed arrays or the wasm heap. */
const node: Implementation = {
  forward: (x, gamma, beta, epsilon) => {
    const leading = x.shape.slice(0, -1);
    return onHostArrays([x, gamma, beta], [x.shape, leading, leading], ([x, gamma, beta], [y, mean, rstd]) =>
      loadAddon().layerNormForward(x!, gamma!, beta!, epsilon, y!, mean!, rstd!),
    );
  },
  backward: (dy, x, gamma, mean, rstd) =>
    onHostArrays(
      [dy, x, gamma, mean, rstd],
      [x.shape, gamma.shape, gamma.shape],
      ([dy, x, gamma, mean, rstd], [dx, dgamma, dbeta]) =>
        loadAddon().layerNormBackward(dy!, x!, gamma!, mean!, rstd!, dx!, dgamma!, dbeta!),
    ),
};

function differentiable(
  implementation: Implementation,
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const op = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [y, mean, rstd] = implementation.forward(x, gamma, beta, epsilon) as [tf.Tensor, tf.Tensor, tf.Tensor];
    save([x, gamma, mean, rstd]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [x, gamma, mean, rstd] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return implementation.backward(dy, x, gamma, mean, rstd);
    };
    return { value: y, gradFunc };
  });
  return op(x, gamma, beta);
}
