import { encodeImage, encodeText } from '../../lib/clip/model.js';
import { AnchorTable } from '../../lib/ops/anchorTable.js';
import { crossEntropy } from '../../lib/ops/crossEntropy.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { isAttentionParameter, isHeadParameter, lgrLogits } from '../../lib/stages/head.js';
import type { LossParts, OptimiserOptions } from '../../lib/stages/optimise.js';
import { pretrainLoss } from '../../lib/stages/pretrainLoss.js';
import { wholeLoss } from '../../lib/stages/stageLoss.js';
import type { RowTensors } from './files.js';
import type { ImageRow, Row, Stage1Row, Stage2Row, TextRow } from './rows.js';

/** What a row trains. */
export interface Problem {
  /** All parameters and buffers that the loss sees. */
  model: TensorMap;
  options: Pick<OptimiserOptions, 'frozen' | 'lrFactor'>;
  batch: TensorMap;
  /** The loss of a batch by the parameters; what none of them changes is computed ahead of it, without a tape. */
  loss: (batch: TensorMap) => (params: TensorMap) => LossParts;
  formula: string;
  dispose: () => void;
}

export function problemOf(row: Row, tensors: RowTensors): Problem {
  if (row.kind === 'image') return imageProblem(row, tensors);
  if (row.kind === 'text') return textProblem(row, tensors);
  return row.kind === 'stage1' ? stage1Problem(row, tensors) : stage2Problem(row, tensors);
}

const isVisual = (name: string): boolean => name.startsWith('visual.');
const isText = (name: string): boolean => !isVisual(name) && name !== 'logit_scale';

/** The chosen half of a model; the other is disposed. */
function half(params: TensorMap, chosen: (name: string) => boolean): TensorMap {
  const entries = Object.entries(params);
  tf.dispose(Object.fromEntries(entries.filter(([name]) => !chosen(name))));
  return Object.fromEntries(entries.filter(([name]) => chosen(name)));
}

const distance = (features: tf.Tensor2D, batch: TensorMap): tf.Scalar =>
  tf.losses.meanSquaredError(batch.target!, features) as tf.Scalar;

const ONE_TOKEN = 'the last block for the one token that is read';

function imageProblem({ config }: ImageRow, { params, batch }: RowTensors): Problem {
  const model = half(params, isVisual);
  return {
    model,
    options: {},
    batch,
    loss: (batch) => (params) => {
      const { features, batchStats } = encodeImage(config, params, batch.images as tf.Tensor4D, { training: true });
      return { loss: distance(features, batch), batchStats };
    },
    formula: config.visual.kind === 'vit' ? ONE_TOKEN : 'pooling by one query',
    dispose: () => tf.dispose([model, batch] as tf.TensorContainer),
  };
}

function textProblem({ config }: TextRow, { params, batch }: RowTensors): Problem {
  const model = half(params, isText);
  return {
    model,
    options: {},
    batch,
    loss: (batch) => (params) => ({ loss: distance(encodeText(config, params, batch.ids as tf.Tensor2D), batch) }),
    formula: ONE_TOKEN,
    dispose: () => tf.dispose([model, batch] as tf.TensorContainer),
  };
}

/** The step of `lib/stages/pretrain.ts`. */
function stage1Problem(row: Stage1Row, { params, batch, teacher }: RowTensors): Problem {
  const { config, smoothing, distillWeight } = row;
  if (!teacher) throw new Error(`${row.name} has no teacher`);
  return {
    model: params,
    options: {},
    batch,
    loss: ({ images, ...others }) =>
      wholeLoss(pretrainLoss(config, teacher, { batchNorm: 'train', smoothing, distillWeight }), {
        image: images!,
        ...others,
      }),
    formula: "the teacher's text features are given, once a sentence",
    dispose: () => tf.dispose([params, batch, teacher.params] as tf.TensorContainer),
  };
}

/** The step of `lib/stages/classifier.ts` with stage 2's head. */
function stage2Problem(row: Stage2Row, { params, batch, anchors }: RowTensors): Problem {
  const { config, smoothing, encoderRate, attentionRate } = row;
  if (!anchors) throw new Error(`${row.name} has no anchors`);
  const table = new AnchorTable(anchors.embeddings, anchors.counts);
  anchors.embeddings.dispose();
  return {
    model: params,
    options: {
      frozen: (name) => !isHeadParameter(name) && !isVisual(name),
      lrFactor: (name) => (isVisual(name) ? encoderRate : isAttentionParameter(name) ? attentionRate : 1),
    },
    batch,
    loss: (batch) => (params) => {
      const { features, batchStats } = encodeImage(config, params, batch.images as tf.Tensor4D, { training: true });
      const { visual, text } = lgrLogits(params, features, table, params.logit_scale as tf.Scalar);
      const labels = batch.labels as tf.Tensor1D;
      const [first, second] = [visual, text].map((z) => crossEntropy(z, labels, { smoothing }));
      return { loss: tf.add(first!, second!), batchStats };
    },
    formula: 'exact algebra: queries projected to the anchors, norms by Gram matrices',
    dispose: () => {
      table.dispose();
      tf.dispose([params, batch] as tf.TensorContainer);
    },
  };
}
