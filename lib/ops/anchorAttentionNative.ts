import { loadAddon } from '../../bindings/load.js';
import { attr, executeOp } from '../runtime/fused.js';
import { tf } from '../runtime/tf.js';
import type { AnchorAttentionArguments, AnchorAttentionWeights } from './anchorAttention.js';
import { AnchorTable, type NativeTable, nativeTableOf } from './anchorTable.js';
import { toScalar } from './arguments.js';
import { onHostArrays } from './hostArrays.js';

/** x, wq, wk, γ_q, β_q, γ_k, logitScale: what a kernel is given besides the table. */
type Operands = tf.Tensor[];

/** A native implementation of both directions. */
interface Implementation {
  forward(table: NativeTable, operands: Operands): tf.Tensor;
  /** Gradients of the operands, in their order. */
  backward(table: NativeTable, operands: Operands, dy: tf.Tensor, detachNorm: boolean): tf.Tensor[];
}

/** As ops of the addon inside TensorFlow, on its own buffers; `counts` tells shape inference the number of classes. */
const tensorflow: Implementation = {
  forward: (table, operands) => executeOp('VlltrAnchorAttention', [], [...handle(table), ...operands], 1)[0]!,
  backward: (table, operands, dy, detachNorm) => {
    const attributes = [attr.bool('detach_norm', detachNorm)];
    return executeOp('VlltrAnchorAttentionGrad', attributes, [...handle(table), ...operands, dy], 7);
  },
};

const handle = ({ number, counts }: NativeTable): tf.Tensor[] => [
  tf.scalar(number, 'int32'),
  tf.tensor1d(counts, 'int32'),
];

/** Through Node-API, on typed arrays or the wasm heap. */
const node: Implementation = {
  forward: ({ number, counts }, operands) => {
    const shape = [operands[0]!.shape[0]!, counts.length];
    return onHostArrays(operands, [shape], (given, [logits]) =>
      loadAddon().anchorAttentionForward(number, ...(given as SevenArrays), logits!),
    )[0]!;
  },
  backward: ({ number }, operands, dy, detachNorm) =>
    onHostArrays(
      [...operands, dy],
      operands.map(({ shape }) => shape),
      (given, gradients) => {
        const [dlogits] = given.splice(7, 1);
        loadAddon().anchorAttentionBackward(
          number,
          ...(given as SevenArrays),
          detachNorm,
          dlogits!,
          ...(gradients as SevenArrays),
        );
      },
    ),
};

type SevenArrays = [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];

const tableOf = ({ anchors, counts }: AnchorAttentionArguments): NativeTable =>
  anchors instanceof AnchorTable ? anchors.native : nativeTableOf(anchors, counts!);

/** `anchorAttention` by the addon's kernels. The arguments are taken as checked. */
export function anchorAttentionNative(route: 'tensorflow' | 'node', args: AnchorAttentionArguments): tf.Tensor2D {
  const { lnq, lnk, detachNorm = false } = args;
  const table = tableOf(args);
  const implementation = route === 'tensorflow' ? tensorflow : node;
  const op = tf.customGrad((...given) => {
    const save = given.pop() as unknown as tf.GradSaveFunc;
    const tensors = given as tf.Tensor[];
    // γ_k's partner β_k changes nothing: the same for all anchors of a class.
    const operands = tensors.filter((_, i) => i !== BETA_K);
    save(tensors);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const gradients = implementation.backward(
        table,
        saved.filter((_, i) => i !== BETA_K),
        dy,
        detachNorm,
      );
      gradients.splice(BETA_K, 0, tf.zerosLike(saved[BETA_K]!));
      return gradients;
    };
    return { value: implementation.forward(table, operands), gradFunc };
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
