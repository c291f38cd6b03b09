import { isTracing } from '../runtime/capture/tracing.js';
import { type KernelRoute, kernels } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { anchorAttentionNative, anchorAttentionWeightsNative } from './anchorAttentionNative.js';
import { AnchorTable, type AnchorTensors, anchorTensors, checkAnchors, NORM_EPSILON } from './anchorTable.js';
import { Arguments, type Integers, toScalar } from './arguments.js';
import { unitRows, unitRowsGrad } from './normalize.js';
import { product } from './product.js';

export { type AnchorPrecision, AnchorTable, type AnchorTableOptions, anchorTable } from './anchorTable.js';

/** Scale and shift of a layer norm, float32 [D] each. */
export interface NormParameters {
  gamma: tf.Tensor1D;
  beta: tf.Tensor1D;
}

export interface AnchorAttentionArguments {
  /** Image features, float32 [B, D], not normalised. */
  x: tf.Tensor2D;
  /** Frozen sentence embeddings, float32 [C, M, D], not normalised; or a table made of them once. */
  anchors: tf.Tensor3D | AnchorTable;
  /** Valid anchors of each class, int32 [C], each in [0, M]; later rows are padding, even NaN. None with a table. */
  counts?: Integers;
  /** Query and key projections, float32 [D, D], [in, out]. */
  wq: tf.Tensor2D;
  wk: tf.Tensor2D;
  /** Layer norms of the queries and of the keys. */
  lnq: NormParameters;
  lnk: NormParameters;
  /** ln(1/τ). Given as a tensor it gets a gradient. Never clamped here. */
  logitScale: number | tf.Scalar;
  /** Stop the gradient through ‖G_c‖, as the authors' iNaturalist configurations do; default false. */
  detachNorm?: boolean;
}

/** The parts of a prediction. The caller disposes all three. */
export type AnchorAttentionWeights = {
  /** [B, C], as `anchorAttention` gives. */
  logits: tf.Tensor2D;
  /** Attention of each image to each anchor of each class, [B, C, M]; sums to 1 over M, 0 for padding. */
  weights: tf.Tensor3D;
  /** What each anchor adds to the class's logit, [B, C, M]; sums to the logit over M, 0 for padding. */
  contributions: tf.Tensor3D;
};

/**
 * Language logits of the paper's language-guided recognition head (Tian et al., ECCV 2022, section 3.3), [B, C]:
 * exp(logitScale)·⟨x̂, Ĝ_c⟩ with G_c = Σ_m a_cm·T_cm, a = softmax_m(q·k_cm/√D), q = LN(x)·wq, k_cm = LN(T_cm)·wk.
 *
 * The anchors are frozen, so keys are never projected and G is never formed (see `scoreAnchors`). A class with no
 * anchor has the logit −Infinity, and no gradient. Gradients flow to x, wq, wk, lnq, lnk (lnk.beta's is exactly 0) and
 * logitScale. The inputs may be disposed once this returns. Throws `ERR_ARGUMENT`.
 */
export function anchorAttention(args: AnchorAttentionArguments): tf.Tensor2D {
  return anchorAttentionBy(kernels('anchorAttention'), args);
}

/**
 * `anchorAttention` by a given route. Anchors without a table get one, once a tensor; inside a step that is being
 * captured, where they may have no values yet, they go by the plain formula.
 */
export function anchorAttentionBy(route: KernelRoute, args: AnchorAttentionArguments): tf.Tensor2D {
  checkArguments('anchorAttention', args);
  const plain = !(args.anchors instanceof AnchorTable);
  if (route === 'tfjs' || (plain && isTracing())) return anchorAttentionTfjs(args);
  return anchorAttentionNative(route, args);
}

/** As `anchorAttention`, without gradients, with the weights and contributions that explain the logits. */
export function anchorAttentionWeights(args: AnchorAttentionArguments): AnchorAttentionWeights {
  checkArguments('anchorAttentionWeights', args);
  const route = kernels('anchorAttention');
  if (route !== 'tfjs') return anchorAttentionWeightsNative(args);
  return tf.tidy(() => {
    const table = tensorsOf(args);
    const scale = tf.exp(toScalar(args.logitScale));
    const { wq, wk, lnq, lnk } = args;
    const query = makeQuery(args.x, wq, wk, lnq.gamma, lnq.beta, lnk.gamma);
    const { weights, similarity, inverseNorm, score } = scoreAnchors(query.u, query.unit, table, scale);
    const factor = tf.expandDims(tf.mul(inverseNorm, scale), 2);
    return {
      logits: tf.add(score, table.absent) as tf.Tensor2D,
      weights: tf.mul(weights, tf.cast(tf.equal(table.padding, 0), 'float32')) as tf.Tensor3D,
      contributions: tf.mul(tf.mul(weights, similarity), factor) as tf.Tensor3D,
    };
  });
}

function checkArguments(op: string, args: AnchorAttentionArguments): void {
  const argument = new Arguments(op);
  argument.object(args);
  argument.tensor('x', args.x, ['B', 'D']);
  if (args.anchors instanceof AnchorTable) {
    if (args.anchors.isDisposed) argument.fail('anchors', args.anchors, 'an AnchorTable that is not disposed');
    argument.tensor('anchors', args.anchors.anchors, ['C', 'M', 'D']);
    if (args.counts !== undefined) argument.fail('counts', args.counts, 'none, since an AnchorTable has its own');
  } else {
    checkAnchors(argument, args.anchors, args.counts);
  }
  argument.tensor('wq', args.wq, ['D', 'D']);
  argument.tensor('wk', args.wk, ['D', 'D']);
  for (const name of ['lnq', 'lnk'] as const) {
    argument.tensor(`${name}.gamma`, args[name]?.gamma, ['D']);
    argument.tensor(`${name}.beta`, args[name]?.beta, ['D']);
  }
  argument.scalar('logitScale', args.logitScale);
}

function tensorsOf({ anchors, counts }: AnchorAttentionArguments): AnchorTensors {
  return anchors instanceof AnchorTable ? anchors.tensors : anchorTensors(anchors, counts!);
}

/** The plain formula on any backend: reference and fallback. The arguments are taken as checked. */
export function anchorAttentionTfjs(args: AnchorAttentionArguments): tf.Tensor2D {
  const { lnq, lnk, detachNorm = false } = args;
  const op = tf.customGrad((x, wq, wk, gammaQ, betaQ, gammaK, betaK, logitScale, save) => {
    const table = tensorsOf(args);
    const scale = tf.exp(logitScale as tf.Scalar);
    const weights = { wq, wk, gammaQ, betaQ, gammaK } as QueryWeights;
    const query = makeQuery(x as tf.Tensor2D, weights.wq, weights.wk, weights.gammaQ, weights.betaQ, weights.gammaK);
    const scored = scoreAnchors(query.u, query.unit, table, scale);
    const value = tf.add(scored.score, table.absent);

    // `gram`, `padding` and `absent` have done their work.
    const { rows, keyScale, present } = table;
    const kept = { ...weights, betaK: betaK as tf.Tensor1D, ...query, ...scored, rows, keyScale, present, scale };
    (save as tf.GradSaveFunc)(Object.values(kept));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const k = Object.fromEntries(Object.keys(kept).map((name, i) => [name, saved[i]])) as unknown as typeof kept;
      const { dU, dUnit, dLogitScale } = scoreAnchorsGradient(dy as tf.Tensor2D, k, detachNorm);
      const d = makeQueryGradient(dU, dUnit, k);
      // The keys' shift adds the same to all logits of a softmax: no gradient.
      return [d.x, d.wq, d.wk, d.gammaQ, d.betaQ, d.gammaK, tf.zerosLike(k.betaK), dLogitScale];
    };
    return { value, gradFunc };
  });
  return tf.tidy(() => {
    const logitScale = toScalar(args.logitScale);
    return op(args.x, args.wq, args.wk, lnq.gamma, lnq.beta, lnk.gamma, lnk.beta, logitScale) as tf.Tensor2D;
  });
}

interface QueryWeights {
  wq: tf.Tensor2D;
  wk: tf.Tensor2D;
  gammaQ: tf.Tensor1D;
  betaQ: tf.Tensor1D;
  gammaK: tf.Tensor1D;
}

/** Everything on the side of the B images. */
interface Query {
  /** x/‖x‖ and 1/‖x‖. */
  unit: tf.Tensor2D;
  inverseLength: tf.Tensor;
  /** (x − mean)/σ and 1/σ. */
  normalised: tf.Tensor2D;
  inverseDeviation: tf.Tensor2D;
  /** q = LN(x)·wq; r = q·wkᵀ; u = γ_k∘r less its mean. */
  q: tf.Tensor2D;
  r: tf.Tensor2D;
  u: tf.Tensor2D;
}

const UNIT_EPSILON = 1e-12;

/**
 * Queries projected back to where the anchors live: q·k_cm = u·(T_cm − μ_cm)/σ_cm + a constant over m, with
 * u = γ_k∘(q·wkᵀ). Taking u's mean off u does the same as taking μ off every anchor.
 */
function makeQuery(
  x: tf.Tensor2D,
  wq: tf.Tensor2D,
  wk: tf.Tensor2D,
  gammaQ: tf.Tensor1D,
  betaQ: tf.Tensor1D,
  gammaK: tf.Tensor1D,
): Query {
  const { unit, inverse } = unitRows(x, UNIT_EPSILON);
  const centred = centre(x);
  const variance = tf.mean(tf.square(centred), 1, true);
  const inverseDeviation = tf.rsqrt(tf.add(variance, NORM_EPSILON)) as tf.Tensor2D;
  const normalised: tf.Tensor2D = tf.mul(centred, inverseDeviation);
  const q = product(tf.add(tf.mul(normalised, gammaQ), betaQ), wq);
  const r = product(q, wk, false, true);
  return { unit, inverseLength: inverse, normalised, inverseDeviation, q, r, u: centre(tf.mul(r, gammaK)) };
}

function makeQueryGradient(dU: tf.Tensor2D, dUnit: tf.Tensor2D, k: Query & QueryWeights) {
  const dScaled = centre(dU);
  const dR: tf.Tensor2D = tf.mul(dScaled, k.gammaK);
  const dQ = product(dR, k.wk);
  const dNorm = product(dQ, k.wq, false, true);
  const g: tf.Tensor2D = tf.mul(dNorm, k.gammaQ);
  const along = tf.mul(k.normalised, tf.mean(tf.mul(g, k.normalised), 1, true));
  const dThroughNorm = tf.mul(tf.sub(centre(g), along), k.inverseDeviation);
  return {
    x: tf.add(dThroughNorm, unitRowsGrad(dUnit, k.unit, k.inverseLength, UNIT_EPSILON)),
    wq: product(tf.add(tf.mul(k.normalised, k.gammaQ), k.betaQ), dQ, true),
    wk: product(dR, k.q, true),
    gammaQ: tf.sum(tf.mul(dNorm, k.normalised), 0),
    betaQ: tf.sum(dNorm, 0),
    gammaK: tf.sum(tf.mul(k.r, dScaled), 0),
  };
}

function centre(x: tf.Tensor2D): tf.Tensor2D {
  return tf.sub(x, tf.mean(x, 1, true));
}

/** What one pass over the table gives, [B, C, M] and [B, C]. */
interface Scored {
  /** a, the attention. */
  weights: tf.Tensor3D;
  /** h = ⟨x̂, T_cm⟩. */
  similarity: tf.Tensor3D;
  /** K_c·a, with K_c the Gram matrix. */
  gramWeights: tf.Tensor3D;
  /** 1/‖G_c‖, clamped. */
  inverseNorm: tf.Tensor2D;
  /** eˢ·⟨a, h⟩/‖G_c‖; 0 for a class without anchors. */
  score: tf.Tensor2D;
}

/** ⟨x̂, G_c⟩ = ⟨a, h⟩ and ‖G_c‖² = aᵀK_c·a, so that G (B×C×D) never exists. */
function scoreAnchors(u: tf.Tensor2D, unit: tf.Tensor2D, table: AnchorTensors, scale: tf.Scalar): Scored {
  const [classes, perClass] = table.gram.shape;
  const shape: [number, number, number] = [u.shape[0], classes, perClass];
  const logits = tf.reshape(tf.mul(product(u, table.rows, false, true), table.keyScale), shape);
  const weights: tf.Tensor3D = tf.softmax(tf.add(logits, table.padding));
  const similarity: tf.Tensor3D = tf.reshape(product(unit, table.rows, false, true), shape);
  const byClass = tf.matMul(tf.transpose(weights, [1, 0, 2]), table.gram);
  const gramWeights = tf.transpose(byClass, [1, 0, 2]) as tf.Tensor3D;
  const squaredNorm = tf.relu(tf.sum(tf.mul(weights, gramWeights), 2));
  const inverseNorm = tf.reciprocal(tf.maximum(tf.sqrt(squaredNorm), UNIT_EPSILON)) as tf.Tensor2D;
  const score = tf.mul(tf.mul(tf.sum(tf.mul(weights, similarity), 2), inverseNorm), scale) as tf.Tensor2D;
  return { weights, similarity, gramWeights, inverseNorm, score };
}

type KeptScore = Scored & Pick<AnchorTensors, 'rows' | 'keyScale' | 'present'> & { scale: tf.Scalar };

/**
 * dw = eˢ·dz/N; da = dw·h − (z·dz/N²)·K·a; dl = a∘(da − ⟨a, da⟩); du = Σ dl/(σ√D)·T; dx̂ = Σ dw·a·T; ds = Σ z·dz.
 * The second term of da is the norm's gradient.
 */
function scoreAnchorsGradient(dScore: tf.Tensor2D, k: KeptScore, detachNorm: boolean) {
  const [batch, classes, perClass] = k.weights.shape;
  const flat: [number, number] = [batch, classes * perClass];
  const dz = tf.where(tf.greater(k.present, 0), dScore, 0) as tf.Tensor2D;
  const dw = tf.expandDims(tf.mul(tf.mul(dz, k.inverseNorm), k.scale), 2);
  let dWeights: tf.Tensor = tf.mul(dw, k.similarity);
  if (!detachNorm) {
    const unclamped = tf.cast(tf.less(k.inverseNorm, (1 / UNIT_EPSILON) * (1 - 1e-6)), 'float32');
    const dNorm = tf.mul(tf.mul(tf.mul(k.score, dz), tf.square(k.inverseNorm)), unclamped);
    dWeights = tf.sub(dWeights, tf.mul(tf.expandDims(dNorm, 2), k.gramWeights));
  }
  const mean = tf.sum(tf.mul(k.weights, dWeights), 2, true);
  const dLogits = tf.reshape(tf.mul(k.weights, tf.sub(dWeights, mean)), flat);
  return {
    dU: product(tf.mul(dLogits, k.keyScale) as tf.Tensor2D, k.rows),
    dUnit: product(tf.reshape(tf.mul(dw, k.weights), flat) as tf.Tensor2D, k.rows),
    dLogitScale: tf.sum(tf.mul(dz, k.score)),
  };
}
