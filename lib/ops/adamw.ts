import { loadAddon } from '../../bindings/load.js';
import { attr, executeOp } from '../runtime/fused.js';
import { type KernelRoute, kernels } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { Arguments } from './arguments.js';
import { onHostArrays } from './hostArrays.js';

/** How the elements of one parameter are treated. */
export interface AdamwRule {
  /** λ ≥ 0. */
  weightDecay: number;
  /** Factor on the learning rate. */
  rate: number;
  /** Of each element after the step; Infinity: none. */
  upperBound: number;
}

export interface AdamwArguments {
  /** All parameters, one behind the other [N]. */
  params: tf.Tensor1D;
  /** Moments [N]. */
  m: tf.Tensor1D;
  v: tf.Tensor1D;
  /** Of each parameter, in their order, of whatever shape. */
  grads: readonly tf.Tensor[];
  /** Of each parameter. Constants of a training. */
  rules: readonly AdamwRule[];
  learningRate: tf.Scalar;
  /** Steps taken including this one, 1-based, float32. */
  step: tf.Scalar;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** All gradients together are scaled down to this norm; default: never. */
  clipNorm?: number;
}

/** New tensors, and ‖g‖ before clipping. */
export type AdamwResult = { params: tf.Tensor1D; m: tf.Tensor1D; v: tf.Tensor1D; gradNorm: tf.Scalar };

/**
 * One step of AdamW (Loshchilov and Hutter, ICLR 2019; as torch.optim.AdamW): with g clipped,
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − η(λp + m̂/(√v̂ + ε)), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ), η the learning
 * rate times the parameter's own. Clipping is g·min(1, clipNorm/(‖g‖ + 1e-6)), ‖g‖ over all elements, as
 * torch.nn.utils.clip_grad_norm_. NaN stays NaN. By the route that `ready()` chose; nothing is written in place, and no
 * gradient goes through it.
 * @throws VlltrError ERR_ARGUMENT, ERR_NOT_READY; ERR_NATIVE if a kernel refuses
 */
export function adamw(given: AdamwArguments): AdamwResult {
  return adamwBy(kernels('adamw'), given);
}

/** `adamw` by a given route. */
export function adamwBy(route: KernelRoute, given: AdamwArguments): AdamwResult {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, clipNorm = Infinity } = given;
  const call = { ...given, beta1, beta2, epsilon, clipNorm };
  checkCall(call);
  const [params, m, v, gradNorm] = tf.tidy(() => implementations[route](call));
  return { params, m, v, gradNorm } as AdamwResult;
}

type Call = Required<AdamwArguments>;

function checkCall({ params, m, v, grads, rules, learningRate, step, beta1, beta2, epsilon, clipNorm }: Call): void {
  const args = new Arguments('adamw');
  args.tensor('params', params, ['N']);
  args.tensor('m', m, ['N']);
  args.tensor('v', v, ['N']);
  args.tensor('learningRate', learningRate, []);
  args.tensor('step', step, []);
  grads.forEach((grad, i) => {
    if (!(grad instanceof tf.Tensor)) args.fail(`grads[${i}]`, grad, 'a float32 tensor');
    args.tensor(`grads[${i}]`, grad, grad.shape);
  });
  const size = grads.reduce((sum, grad) => sum + grad.size, 0);
  if (size !== params.size)
    args.fail('grads', grads, `gradients of ${params.size} elements, as params; they have ${size}`);
  if (rules.length !== grads.length) args.fail('rules', rules, `${grads.length} rules, one for each gradient`);
  rules.forEach(({ weightDecay, rate, upperBound }, i) => {
    args.number(`rules[${i}].weightDecay`, weightDecay, 0);
    args.number(`rules[${i}].rate`, rate);
    if (Number.isNaN(upperBound)) args.fail(`rules[${i}].upperBound`, upperBound, 'a number or Infinity');
  });
  for (const [name, beta] of Object.entries({ beta1, beta2 }))
    if (!(beta >= 0 && beta < 1)) args.fail(name, beta, 'a number in [0, 1)');
  args.number('epsilon', epsilon, 0);
  if (!(clipNorm > 0)) args.fail('clipNorm', clipNorm, 'a number > 0');
}

/** New parameters, moments, and the gradient's norm. Called in a `tf.tidy`. */
const implementations: Record<KernelRoute, (call: Call) => tf.Tensor[]> = { tensorflow, node, tfjs: plain };

/** λ, rate and bound of each parameter: [grads, 3]. */
const ruleTable = (rules: readonly AdamwRule[]): Float32Array =>
  Float32Array.from(rules.flatMap(({ weightDecay, rate, upperBound }) => [weightDecay, rate, upperBound]));

/** As an op of the addon inside TensorFlow, on its own buffers. */
function tensorflow({ params, m, v, grads, rules, learningRate, step, ...constants }: Call): tf.Tensor[] {
  const attributes = [
    attr.int('count', grads.length),
    attr.float('one_minus_beta1', 1 - constants.beta1),
    attr.float('one_minus_beta2', 1 - constants.beta2),
    attr.float('epsilon', constants.epsilon),
    attr.float('clip_norm', constants.clipNorm),
  ];
  const table = tf.tensor2d(ruleTable(rules), [rules.length, 3]);
  return executeOp('VlltrAdamw', attributes, [params, m, v, learningRate, step, table, ...grads], 4);
}

/** Through Node-API, on typed arrays or the wasm heap. */
function node({ params, m, v, grads, rules, learningRate, step, beta1, beta2, epsilon, clipNorm }: Call): tf.Tensor[] {
  return onHostArrays(
    [params, m, v, learningRate, step, ...grads],
    [params.shape, params.shape, params.shape, []],
    ([params, m, v, rate, step, ...grads], [newParams, newM, newV, gradNorm]) =>
      loadAddon().adamw(
        params!,
        m!,
        v!,
        grads,
        ruleTable(rules),
        rate![0]!,
        step![0]!,
        beta1,
        beta2,
        epsilon,
        clipNorm,
        newParams!,
        newM!,
        newV!,
        gradNorm!,
      ),
  );
}

/** From TensorFlow.js's own operations on whole vectors: the reference, and the route without an addon. */
function plain({ params, m, v, grads, rules, learningRate, step, ...constants }: Call): tf.Tensor[] {
  const { beta1, beta2, epsilon, clipNorm } = constants;
  const sizes = grads.map(({ size }) => size);
  const each = (of: keyof AdamwRule) =>
    perElement(
      sizes,
      rules.map((rule) => rule[of]),
    );
  const grad = tf.concat1d(grads.map((g) => tf.reshape(g, [-1]) as tf.Tensor1D));
  const squares = tf.square(grad);
  const gradNorm = tf.sqrt(tf.sum(squares));
  // Scalars are combined first, so that each costs no pass over the vectors.
  const clip = Number.isFinite(clipNorm) ? tf.minimum(tf.div(clipNorm, tf.add(gradNorm, 1e-6)), 1) : tf.scalar(1);
  const newM = tf.add(tf.mul(m, beta1), tf.mul(grad, tf.mul(clip, 1 - beta1)));
  const newV = tf.add(tf.mul(v, beta2), tf.mul(squares, tf.mul(tf.square(clip), 1 - beta2)));
  // 1 − βᵗ by expm1: subtracting a power from 1 in float32 loses four digits at t = 1.
  const correction = (beta: number): tf.Tensor => tf.neg(tf.expm1(tf.mul(step, Math.log(beta))));
  const denominator = tf.add(tf.mul(tf.sqrt(newV), tf.rsqrt(correction(beta2))), epsilon);
  const update = tf.mul(tf.div(newM, denominator), tf.div(learningRate, correction(beta1)));
  const change = tf.add(tf.mul(params, tf.mul(each('weightDecay'), learningRate)), update);
  const rated = rules.every(({ rate }) => rate === 1) ? change : tf.mul(change, each('rate'));
  const free = tf.sub(params, rated) as tf.Tensor1D;
  return [bounded(free, sizes, rules), newM, newV, gradNorm];
}

/** The values of each parameter for each of its elements; a scalar where all are the same. */
function perElement(sizes: readonly number[], values: readonly number[]): tf.Tensor {
  const runs: { size: number; value: number }[] = [];
  values.forEach((value, i) => {
    const last = runs.at(-1);
    if (last?.value === value) last.size += sizes[i]!;
    else runs.push({ size: sizes[i]!, value });
  });
  if (runs.length === 1) return tf.scalar(runs[0]!.value);
  return tf.concat1d(runs.map(({ size, value }) => tf.fill([size], value) as tf.Tensor1D));
}

/** Each element at most its parameter's bound; NaN stays NaN. */
function bounded(x: tf.Tensor1D, sizes: readonly number[], rules: readonly AdamwRule[]): tf.Tensor1D {
  const parts: tf.Tensor1D[] = [];
  let [taken, at] = [0, 0];
  const take = (end: number): tf.Tensor1D => tf.slice(x, [taken], [end - taken]);
  rules.forEach(({ upperBound }, i) => {
    const end = at + sizes[i]!;
    if (upperBound < Infinity) {
      if (at > taken) parts.push(take(at));
      taken = at;
      const part = take(end);
      parts.push(tf.sub(part, tf.relu(tf.sub(part, upperBound))));
      taken = end;
    }
    at = end;
  });
  if (parts.length === 0) return x;
  if (at > taken) parts.push(take(at));
  return tf.concat1d(parts);
}
