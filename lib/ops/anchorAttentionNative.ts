import { loadAddon } from '../../bindings/load.js';
import { attr, executeOp } from '../runtime/fused.js';
import { runtime } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import type { AnchorAttentionArguments, AnchorAttentionWeights } from './anchorAttention.js';
import { AnchorTable, type NativeTable, nativeTableOf } from './anchorTable.js';
import { toScalar } from './arguments.js';
import { onHostArrays } from './hostArrays.js';
import { keptScores } from './kept.js';

/** x, wq, wk, γ_q, β_q, γ_k, logitScale: what a kernel is given besides the table. */
type Operands = tf.Tensor[];

/** From the upstream gradient, the operands and what was kept: gradients of the operands, in their order. */
type Gradient = (dy: tf.Tensor, operands: Operands, kept: tf.Tensor[]) => tf.Tensor[];

/** A native implementation: the logits, the tensors that the gradient needs besides the operands, and the gradient. */
type Implementation = (
  table: NativeTable,
  operands: Operands,
  options: { detachNorm: boolean; keptElements: number },
) => { logits: tf.Tensor; kept: tf.Tensor[]; gradient: Gradient };

/** As ops of the addon inside TensorFlow, on its own buffers; `counts` and an empty tensor are for shape inference. */
const tensorflow: Implementation = (table, operands, { detachNorm, keptElements }) => {
  const size = tf.zeros([keptElements, 0]);
  const [logits, ...kept] = executeOp('VlltrAnchorAttention', [], [...handle(table), ...operands, size], 2);
  const gradient: Gradient = (dy, operands, kept) => {
    const attributes = [attr.bool('detach_norm', detachNorm)];
    return executeOp('VlltrAnchorAttentionGrad', attributes, [...handle(table), ...operands, dy, ...kept], 7);
  };
  return { logits: logits!, kept, gradient };
};

const handle = ({ number, counts }: NativeTable): tf.Tensor[] => [
  tf.scalar(number, 'int32'),
  tf.tensor1d(counts, 'int32'),
];

/** Through Node-API, on typed arrays or the wasm heap. What is kept stays out of the backend's memory. */
const node: Implementation = ({ number, counts }, operands, { detachNorm, keptElements }) => {
  const kept = new Float32Array(keptElements);
  const [logits] = onHostArrays(operands, [[operands[0]!.shape[0]!, counts.length]], (given, [logits]) =>
    loadAddon().anchorAttentionForward(number, ...(given as SevenArrays), logits!, kept),
  );
  const gradient: Gradient = (dy, operands) => {
    const shapes = operands.map(({ shape }) => shape);
    return onHostArrays([...operands, dy], shapes, (given, gradients) => {
      const dlogits = given.pop()!;
      const [inputs, outputs] = [given as SevenArrays, gradients as SevenArrays];
      loadAddon().anchorAttentionBackward(number, ...inputs, detachNorm, kept, dlogits, ...outputs);
    });
  };
  return { logits: logits!, kept: [], gradient };
};

type SevenArrays = [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];

const tableOf = ({ anchors, counts }: AnchorAttentionArguments): NativeTable =>
  anchors instanceof AnchorTable ? anchors.native : nativeTableOf(anchors, counts!);

/** `anchorAttention` by the addon's kernels. The arguments are taken as checked. */
export function anchorAttentionNative(route: 'tensorflow' | 'node', args: AnchorAttentionArguments): tf.Tensor2D {
  const { lnq, lnk, detachNorm = false } = args;
  const table = tableOf(args);
  const implementation = route === 'tensorflow' ? tensorflow : node;
  // Nothing is kept where nobody asks for a gradient, nor on a card, which computes scores once more.
  const keeps = tf.engine().isTapeOn() && runtime().kernelDevice === 'cpu';
  const anchors = table.counts.reduce((sum, count) => sum + count, 0);
  const keptElements = keeps ? keptScores(anchors, args.x.shape[0]) : 0;
  const op = tf.customGrad((...given) => {
    const save = given.pop() as unknown as tf.GradSaveFunc;
    const tensors = given as tf.Tensor[];
    // γ_k's partner β_k changes nothing: the same for all anchors of a class.
    const operandsOf = (tensors: tf.Tensor[]) => tensors.filter((_, i) => i !== BETA_K);
    const { logits, kept, gradient } = implementation(table, operandsOf(tensors), { detachNorm, keptElements });
    save([...tensors, ...kept]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const inputs = saved.slice(0, tensors.length);
      const gradients = gradient(dy, operandsOf(inputs), saved.slice(tensors.length));
      gradients.splice(BETA_K, 0, tf.zerosLike(inputs[BETA_K]!));
      return gradients;
    };
    return { value: logits, gradFunc };
  });
  return tf.tidy(() => {
    const logitScale = toScalar(args.logitScale);
    return op(args.x, args.wq, args.wk, lnq.gamma, lnq.beta, lnk.gamma, lnk.beta, logitScale) as tf.Tensor2D;
  });
}

/** Where β_k stands among the differentiable inputs. */
const BETA_K = 6;

/** `anchorAttentionWeights` by the addon's kernel, through Node-API on every backend: explanations are few. */
export function anchorAttentionWeightsNative(args: AnchorAttentionArguments): AnchorAttentionWeights {
  const { number, counts } = tableOf(args);
  const { x, wq, wk, lnq, lnk, anchors } = args;
  return tf.tidy(() => {
    const operands = [x, wq, wk, lnq.gamma, lnq.beta, lnk.gamma, toScalar(args.logitScale)];
    const all = [x.shape[0], counts.length, anchors.shape[1]];
    const [logits, weights, contributions] = onHostArrays(operands, [all.slice(0, 2), all, all], (given, outputs) =>
      loadAddon().anchorAttentionWeights(
        number,
        ...(given as SevenArrays),
        ...(outputs as [Float32Array, Float32Array, Float32Array]),
      ),
    );
    return { logits, weights, contributions } as AnchorAttentionWeights;
  });
}
