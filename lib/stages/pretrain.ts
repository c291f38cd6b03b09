import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { LongTailData } from '../data/types.js';
import { random } from '../random.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { topOne } from './accuracy.js';
import { createOptimiser } from './optimise.js';
import type { PretrainOptions, StageRun } from './options.js';
import { pretrainLoss } from './pretrainLoss.js';
import { imageBatch, runStage, streamOf, trainSampler } from './run.js';
import { openSentenceFeatures, type SentenceFeatures } from './sentenceFeatures.js';
import type { TextBank } from './textBank.js';
import { normalizeRows, zeroShot } from './zeroShot.js';

type Model = Pick<LoadedClip, 'config' | 'params'>;

/**
 * Stage 1, class-wise visual-linguistic pre-training (paper, section 3.2): every picture meets one sentence of its
 * class, drawn anew each step; L = (1−β)·L_ccl + β·L_dis, the teacher frozen.
 * The teacher's sentence features are computed once a sentence and, of a large corpus, once for all runs
 * (`openSentenceFeatures`); its image features see the same augmented views.
 * @param start where training begins (usually the teacher itself)
 * @param teacher the frozen CLIP; may be absent where `distillWeight` is 0
 * @returns the trained model's tensors; the caller disposes them
 */
export async function pretrain(
  data: LongTailData,
  bank: TextBank,
  start: Model,
  teacher: Model | undefined,
  options: PretrainOptions,
  run: StageRun,
): Promise<TensorMap> {
  const { config } = start;
  const distil = teacher && options.distillWeight > 0 ? teacher : undefined;
  const taught = distil && (await openSentenceFeatures(distil.config, distil.params, bank, encoding(run)));
  const draw = trainSampler(data, options, run.seed, 'pretrain');
  const { val } = data;

  try {
    return await runStage({
      name: 'pretrain',
      run,
      options,
      images: data.train,
      imageSize: config.visual.imageSize,
      configuration: { config, classes: data.classes.length },
      training: createOptimiser(start.params, options),
      loss: pretrainLoss(config, distil, options),
      evaluate:
        val && (async (params) => ({ valAccuracy: topOne(await zeroShot({ config, params }, bank, val), val.labels) })),
      inputs: async (key) => {
        const chosen = draw(key.step, options.batch);
        const labels = Int32Array.from(chosen, (i) => data.train.labels[i]!);
        const pick = random(key.seed, streamOf(key, 'text'), key.step);
        const rows = Array.from(labels, (y) => bank.offsets[y]! + pick.int(bank.offsets[y + 1]! - bank.offsets[y]!));
        return {
          image: await imageBatch(data.train, chosen, config.visual.imageSize, options, key),
          ids: bank.batch(rows),
          labels: tf.tensor1d(labels, 'int32'),
          ...(taught && { teacherText: await teacherText(taught, rows) }),
        };
      },
    });
  } finally {
    await taught?.close();
  }
}

/** Unit features [rows.length, D] of the named sentences. */
async function teacherText(taught: SentenceFeatures, rows: ArrayLike<number>): Promise<tf.Tensor2D> {
  const { dim } = taught;
  return tf.tensor2d(normalizeRows(await taught.gather(rows), dim), [rows.length, dim]);
}

/** Says how far the teacher has come with the sentences, as of a stage of its own. */
const encoding =
  (run: StageRun) =>
  (step: number, steps: number): void =>
    run.onProgress?.({
      name: 'teacher text',
      step,
      steps,
      rate: Number.NaN,
      eta: Number.NaN,
      learningRate: Number.NaN,
      outputs: {},
    });
