import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { LongTailData } from '../data/types.js';
import { AnchorTable } from '../ops/anchorAttention.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { trainClassifier } from './classifier.js';
import { type Anchors, createLgrHead, isAttentionParameter, lgrLogits } from './head.js';
import type { FinetuneOptions, StageRun } from './options.js';

/**
 * Stage 2, language-guided recognition (paper, section 3.3): CE(z^I, y) + CE(z^T, y) over the visual branch and the
 * attention over frozen anchors; the logit scale stays at stage 1's value.
 */
export async function finetune(
  data: LongTailData,
  stage1: Pick<LoadedClip, 'config' | 'params'>,
  anchors: Anchors,
  options: FinetuneOptions,
  run: StageRun,
): Promise<TensorMap> {
  const head = createLgrHead(stage1.config.embedDim, data.classes.length, run.seed);
  const kept = Object.entries(stage1.params).filter(([name]) => name.startsWith('visual.') || name === 'logit_scale');
  const table = new AnchorTable(anchors.embeddings, anchors.counts);
  try {
    return await trainClassifier(
      data,
      {
        name: 'finetune',
        config: stage1.config,
        model: { ...Object.fromEntries(kept), ...head },
        options,
        headRate: (name) => (isAttentionParameter(name) ? options.attentionRate : 1),
        logits: (params, x) => {
          const { visual, text } = lgrLogits(params, x, table, params.logit_scale as tf.Scalar, options.detachNorm);
          return { visual, text };
        },
      },
      run,
    );
  } finally {
    // Packed by the training, which leaves its arguments alone.
    tf.dispose(head);
    table.dispose();
  }
}
