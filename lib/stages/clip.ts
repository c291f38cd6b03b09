import type { ClipConfig } from '../clip/config.js';
import { create } from '../clip/model.js';
import { encode } from '../clip/tokenizer.js';
import type { PairData } from '../data/types.js';
import { classwiseContrastive } from '../ops/classwiseContrastive.js';
import { random } from '../random.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { weightedSampler } from '../training/sampler.js';
import { createOptimiser } from './optimise.js';
import type { ClipOptions, StageRun } from './options.js';
import { encodePairs, PAIR_ROWS } from './pairs.js';
import { imageBatch, runStage, streamOf } from './run.js';
import { idBatch } from './textBank.js';
import { tokenRows } from './tokenRows.js';

/**
 * Trains a CLIP from picture–caption pairs (Radford et al., 2021): the symmetric contrastive loss over the batch,
 * where pictures of one key count as positives of one another rather than as negatives.
 * @param probe measured now and then on the model so far, zero-shot accuracy say
 * @returns the trained model's tensors; the caller disposes them
 */
export async function trainClip(
  config: ClipConfig,
  data: PairData,
  options: ClipOptions,
  run: StageRun,
  probe?: (params: TensorMap) => Promise<Record<string, number>>,
): Promise<TensorMap> {
  const model = create(config, { seed: run.seed });
  const training = createOptimiser(model.params, options);
  model.dispose();
  const { contextLength } = config.text;
  const captions = flatCaptions(data.captions, options.captionTokens ?? contextLength);
  const tokens = tokenRows(captions.texts, contextLength);
  const draw = weightedSampler({ weights: data.weights, seed: run.seed, stream: 'clip' });

  return runStage({
    name: 'clip',
    run,
    options,
    images: data.images,
    imageSize: config.visual.imageSize,
    configuration: { config },
    training,
    loss: {
      rows: PAIR_ROWS,
      embed: (rows) => ({
        encode: (params) => encodePairs(config, params, rows, { training: options.batchNorm === 'train' }),
      }),
      loss: (params, given) => {
        const { loss } = classwiseContrastive({
          image: given.image as tf.Tensor2D,
          text: given.text as tf.Tensor2D,
          labels: given.labels as tf.Tensor1D,
          logitScale: params.logit_scale as tf.Scalar,
          smoothing: options.smoothing,
        });
        return { loss, outputs: { logitScale: params.logit_scale! } };
      },
    },
    evaluate: probe,
    inputs: async (key) => {
      const chosen = draw(key.step, options.batch);
      const pick = random(key.seed, streamOf(key, 'text'), key.step);
      const rows = Array.from(chosen, (i) => {
        const from = captions.offsets[i]!;
        return captions.rows[from + pick.int(captions.offsets[i + 1]! - from)]!;
      });
      return {
        image: await imageBatch(data.images, chosen, config.visual.imageSize, options, key),
        ids: idBatch(tokens, contextLength, rows),
        labels: tf.tensor1d(
          Int32Array.from(chosen, (i) => data.keys[i]!),
          'int32',
        ),
      };
    },
  });
}

/**
 * All distinct captions in one list, and for picture i those of at most `limit` tokens (the shortest where none does):
 * rows[offsets[i]] … rows[offsets[i+1]-1].
 */
function flatCaptions(captions: string[][], limit: number) {
  const numbers = new Map<string, number>();
  for (const list of captions) for (const text of list) if (!numbers.has(text)) numbers.set(text, numbers.size);
  const texts = [...numbers.keys()];
  const lengths = texts.map((text) => encode(text).length + 2);
  const lists = new Map<string[], number[]>();
  const fitting = (list: string[]): number[] => {
    const all = list.map((text) => numbers.get(text)!);
    const fit = all.filter((row) => lengths[row]! <= limit);
    return fit.length ? fit : [all.reduce((best, row) => (lengths[row]! < lengths[best]! ? row : best))];
  };
  const offsets = new Int32Array(captions.length + 1);
  const rows: number[] = [];
  captions.forEach((list, i) => {
    const own = lists.get(list) ?? fitting(list);
    lists.set(list, own);
    for (const row of own) rows.push(row);
    offsets[i + 1] = rows.length;
  });
  return { texts, rows: Int32Array.from(rows), offsets };
}
