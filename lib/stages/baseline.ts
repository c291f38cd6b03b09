import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { LongTailData } from '../data/types.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { trainClassifier } from './classifier.js';
import { baselineLogits, createBaselineHead } from './head.js';
import type { BaselineOptions, StageRun } from './options.js';

/**
 * The paper's vision-only baseline: the same visual encoder from the same initial weights with a linear or MLP head,
 * no text anywhere.
 */
export async function trainBaseline(
  data: LongTailData,
  start: Pick<LoadedClip, 'config' | 'params'>,
  options: BaselineOptions,
  run: StageRun,
): Promise<TensorMap> {
  const head = createBaselineHead(options.head, start.config.embedDim, data.classes.length, run.seed);
  const visual = Object.entries(start.params).filter(([name]) => name.startsWith('visual.'));
  try {
    return await trainClassifier(
      data,
      {
        name: 'baseline',
        config: start.config,
        model: { ...Object.fromEntries(visual), ...head },
        options,
        logits: (params, x) => ({ visual: baselineLogits(params, x) }),
      },
      run,
    );
  } finally {
    // Packed by the training, which leaves its arguments alone.
    tf.dispose(head);
  }
}
