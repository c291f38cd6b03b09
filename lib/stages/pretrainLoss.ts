import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { ClipConfig } from '../clip/config.js';
import { classwiseContrastive } from '../ops/classwiseContrastive.js';
import { tf } from '../runtime/tf.js';
import type { PretrainOptions } from './options.js';
import { encodePairs, PAIR_ROWS, unitImages } from './pairs.js';
import type { StageLoss } from './stageLoss.js';

/**
 * Stage 1's loss, (1−β)·L_ccl + β·L_dis (METHOD.md, "Stage 1"). Inputs: `image` [B, S, S, 3], `ids` [B, L], `labels` [B] and,
 * with a teacher, its unit text features `teacherText` [B, D]; the teacher sees the same pictures.
 * @param distil the frozen CLIP to distil from; absent: β is 0
 */
export function pretrainLoss(
  config: ClipConfig,
  distil: Pick<LoadedClip, 'config' | 'params'> | undefined,
  options: Pick<PretrainOptions, 'batchNorm' | 'smoothing' | 'distillWeight'>,
): StageLoss {
  return {
    rows: PAIR_ROWS,
    embed: (rows) => ({
      fixed:
        distil &&
        (() => tf.tidy(() => ({ teacherImage: unitImages(distil.config, distil.params, rows.image!).features }))),
      encode: (params) => encodePairs(config, params, rows, { training: options.batchNorm === 'train' }),
    }),
    loss: (params, given) => {
      const { loss, contrastive, distillation } = classwiseContrastive({
        image: given.image as tf.Tensor2D,
        text: given.text as tf.Tensor2D,
        labels: given.labels as tf.Tensor1D,
        logitScale: params.logit_scale as tf.Scalar,
        smoothing: options.smoothing,
        teacher: distil && {
          image: given.teacherImage as tf.Tensor2D,
          text: given.teacherText as tf.Tensor2D,
          logitScale: distil.params.logit_scale as tf.Scalar,
        },
        distillWeight: distil ? options.distillWeight : 0,
      });
      return { loss, outputs: { contrastive, distillation, logitScale: params.logit_scale! } };
    },
  };
}
