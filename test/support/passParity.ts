import { expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { tf } from '../../lib/runtime/tf.js';
import { imageFeatures, sentenceFeatures } from '../../lib/stages/features.js';
import { createLgrHead } from '../../lib/stages/head.js';
import { lgrProbabilities } from '../../lib/stages/recognise.js';
import { selectAnchors } from '../../lib/stages/selectAnchors.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { expectAgree } from './agreement.js';
import { hashed } from './hashed.js';
import { hashedParams, sizes, text } from './hashedClip.js';
import { holdings } from './tensorflow.js';
import { colourData } from './tinyClip.js';

/** Rows of features, and how many are computed at once: more are captured, in batches of so many. */
const BATCH = 256;

/** Encoders over more rows than a batch. */
export function features(tolerance: number): void {
  const count = 300;
  it.each(['resnet', 'vit'] as const)('of more pictures than a batch: %s', async (kind) => {
    const images = colourData(sizes[kind]!.imageSize).train;
    const config: ClipConfig = { embedDim: 10, visual: sizes[kind]!, text };
    const params = hashedParams(config);
    const chosen = Array.from({ length: count }, (_, i) => (7 * i) % images.length);
    const all = await imageFeatures(config, params, images, chosen);
    const parts = [chosen.slice(0, BATCH), chosen.slice(BATCH)];
    const [first, rest] = await Promise.all(parts.map((part) => imageFeatures(config, params, images, part)));
    expectRows(all, first!, rest!, config.embedDim, tolerance);
    expectAgree({ again: await imageFeatures(config, params, images, chosen) }, { again: all }, 0);
    tf.dispose(params);
  });

  it('of more sentences than a batch', () => {
    const config: ClipConfig = { embedDim: 10, visual: sizes.vit!, text: { ...text, vocabSize: 49408 } };
    const params = hashedParams(config);
    const words = ['red', 'green', 'a', 'blue', 'the', 'old'];
    // Of one length, so that the order in which they are computed is that of the list.
    const sentences = Array.from({ length: count }, (_, i) =>
      [0, 1, 2].map((k) => words[Math.floor(i / 6 ** k) % 6]).join(' '),
    );
    const of = (list: string[]) => sentenceFeatures(config, params, new TextBank([list], text.contextLength));
    const all = of(sentences);
    expectRows(all, of(sentences.slice(0, BATCH)), of(sentences.slice(BATCH)), config.embedDim, tolerance);
    expectAgree({ again: of(sentences) }, { again: all }, 0);
    tf.dispose(params);
  });
}

/** What is computed from features, over more rows than a batch. */
export function scores(tolerance: number): void {
  const dim = 12;
  it('of more pictures than a batch, by both branches', () => {
    const classes = 7;
    const params = { ...createLgrHead(dim, classes, 5), logit_scale: tf.scalar(2) };
    const embeddings = tf.tensor3d(hashed('anchors', classes * 3 * dim), [classes, 3, dim]);
    const anchors = { embeddings, counts: [3, 1, 0, 2, 3, 3, 1], sentences: [] };
    const of = (x: Float32Array) => lgrProbabilities({ config: { embedDim: dim } as ClipConfig, params, anchors }, x);
    const x = hashed('pictures', 300 * dim);
    of(x.subarray(0, dim)); // what is made of JavaScript's values reaches TensorFlow at its first use
    const before = holdings();
    const [all, first, rest] = [of(x), of(x.subarray(0, BATCH * dim)), of(x.subarray(BATCH * dim))];
    for (const branch of ['visual', 'text'] as const)
      expectRows(all[branch], first[branch], rest[branch], classes, tolerance);
    for (const branch of ['visual', 'text'] as const) expectAgree({ again: of(x)[branch] }, { again: all[branch] }, 0);
    expect(holdings()).toEqual(before);
    tf.dispose([params, embeddings]);
  });

  it('of more sentences than a tile', () => {
    const images = 2 ** 18; // a tile is 16 sentences
    const image = tf.tensor2d(hashed('images', images * 3), [images, 3]);
    const rows = hashed('sentences', 40 * 3);
    const labels = Int32Array.from({ length: images }, (_, i) => Number(i % 5 === 0));
    /** Sentences [from, to), of which the first 20 are class 0's: the second tile holds both classes. */
    const of = (from: number, to: number) => {
      const text = tf.tensor2d(rows.subarray(from * 3, to * 3), [to - from, 3]);
      const ofFirst = Math.min(Math.max(20 - from, 0), to - from);
      const counts = [ofFirst, to - from - ofFirst];
      const { losses } = selectAnchors({ text, counts, image, labels, logitScale: 1, anchors: 2 });
      text.dispose();
      return losses;
    };
    of(0, 1); // what is made of JavaScript's values reaches TensorFlow at its first use
    const before = holdings();
    const all = of(0, 40);
    const tiles = [of(0, 16), of(16, 32), of(24, 40)] as const;
    const expected = Float32Array.from([...tiles[0], ...tiles[1].subarray(0, 8), ...tiles[2]]);
    expectAgree({ losses: all }, { losses: expected }, tolerance);
    expectAgree({ again: of(0, 40) }, { again: all }, 0);
    expect(holdings()).toEqual(before);
    image.dispose();
  });
}

/** A whole batch agrees up to `tolerance`; the rows of another batch size up to rounding at least. */
function expectRows(all: Float32Array, first: Float32Array, rest: Float32Array, dim: number, tolerance: number): void {
  expect(all.length).toBe(first.length + rest.length);
  expectAgree({ features: all.subarray(0, BATCH * dim) }, { features: first }, tolerance);
  expectAgree({ features: all.subarray(BATCH * dim) }, { features: rest }, Math.max(tolerance, 5e-6));
}
