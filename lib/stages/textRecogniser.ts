import type { LoadedClip } from '../clip/checkpoint/index.js';
import type { ImageSource } from '../data/types.js';
import { tf } from '../runtime/tf.js';
import { argMaxRows } from './accuracy.js';
import { imageFeatures, rowScores } from './features.js';
import type { Recognition } from './inspect.js';
import type { TextBank } from './textBank.js';
import { classMeans, normalizeRows, unitSentences } from './zeroShot.js';

/** Recognises pictures without a trained head. */
export interface TextRecogniser {
  recognise(images: ImageSource, indices?: ArrayLike<number>): Promise<Recognition>;
  dispose(): void;
}

/**
 * CLIP's zero-shot classifier of any CLIP model, a stage-1 run's say: softmax of exp(logit_scale)·⟨x̂, m_c⟩, m_c the unit
 * mean of class c's sentences. The texts are encoded once; the caller disposes it, the model stays the caller's.
 */
export function textRecogniser(
  { config, params }: Pick<LoadedClip, 'config' | 'params'>,
  bank: TextBank,
): TextRecogniser {
  const dim = config.embedDim;
  const means = classMeans(unitSentences(config, params, bank), bank, dim);
  const weights = tf.tidy(() =>
    tf.mul(tf.transpose(tf.tensor2d(means, [bank.classes, dim])), tf.exp(params.logit_scale!)),
  ) as tf.Tensor2D;
  const scores = rowScores(dim, (rows) => ({ both: tf.softmax(tf.matMul(rows, weights)) }));
  return {
    async recognise(images, indices) {
      const features = await imageFeatures(config, params, images, indices);
      const { both } = scores.over(normalizeRows(features.slice(), dim));
      return { features, visual: both, both, predicted: argMaxRows(both, bank.classes) };
    },
    dispose() {
      scores.dispose();
      weights.dispose();
    },
  };
}
