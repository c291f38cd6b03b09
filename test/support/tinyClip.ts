import type { ClipConfig } from '../../lib/clip/config.js';
import { create } from '../../lib/clip/model.js';
import { compactVocabulary } from '../../lib/clip/vocabulary.js';
import type { ImageSource, LongTailData } from '../../lib/data/types.js';
import { random } from '../../lib/random.js';

/** A CLIP small enough to train in seconds, at its random initial weights. */
export function tinyClip(data: LongTailData, visual: Partial<ClipConfig['visual']> = {}, seed = 1) {
  const config: ClipConfig = {
    embedDim: 16,
    visual: { kind: 'resnet', layers: [1, 1], width: 8, imageSize: 16, ...visual } as ClipConfig['visual'],
    text: {
      contextLength: 16,
      vocabSize: 49408,
      width: 16,
      heads: 2,
      layers: 1,
      vocabulary: compactVocabulary(data.sentences.flat()),
    },
  };
  return create(config, { seed });
}

/** A CLIP of all tokens and the usual length of sentences, for pictures of 16 pixels, as a command line loads it. */
export function wordyClip() {
  const text = { contextLength: 77, vocabSize: 49408, width: 64, heads: 1, layers: 1 };
  return create(
    { embedDim: 16, visual: { kind: 'resnet', layers: [1, 1], width: 8, imageSize: 16 }, text },
    { seed: 1 },
  );
}

/** Pictures of one colour a class, with noise. */
function colours(counts: readonly number[], size: number, stream: string): ImageSource {
  const labels = Int32Array.from(counts.flatMap((n, c) => new Array<number>(n).fill(c)));
  const draw = random(0, stream, 0);
  const bytes = size * size * 3;
  const pixels = new Uint8Array(labels.length * bytes);
  for (let i = 0; i < pixels.length; i++) {
    const channel = i % 3;
    const label = labels[Math.floor(i / bytes)]!;
    pixels[i] = ((label >> channel) & 1 ? 200 : 40) + draw.int(16);
  }
  return {
    length: labels.length,
    size,
    labels,
    id: (i) => `${stream}/${i}`,
    async read(indices) {
      const out = new Uint8Array(indices.length * bytes);
      for (let k = 0; k < indices.length; k++) {
        out.set(pixels.subarray(indices[k]! * bytes, (indices[k]! + 1) * bytes), k * bytes);
      }
      return out;
    },
  };
}

/** Options of a training of `tinyClip` that takes moments; a test adds its steps, its batch and its rhythm. */
export const TINY_TRAINING = {
  learningRate: 1e-2,
  minLearningRate: 0,
  weightDecay: 0.05,
  clipNorm: 1,
  sampler: 'sqrt',
  augment: { preset: 'icon' },
  batchNorm: 'train',
  smoothing: 0.1,
} as const;

/** What a classifier's training has besides. */
export const TINY_CLASSIFIER = { ...TINY_TRAINING, balanced: true, encoderRate: 0.5, mixup: true } as const;

/** Four classes told apart by colour: 12, 6, 3 and 2 training pictures, two of each for val and test. */
export function colourData(size = 16): LongTailData {
  const classes = ['coal', 'rose', 'grass', 'lemon'];
  return {
    name: 'colours',
    classes,
    sentences: classes.map((name) => [`a photo of ${name}.`, `a drawing of ${name}`, `${name}: seen from afar today`]),
    train: colours([12, 6, 3, 2], size, 'train'),
    val: colours([2, 2, 2, 2], size, 'val'),
    test: colours([2, 2, 2, 2], size, 'test'),
    shots: { manyAbove: 10, fewUpTo: 3 },
  };
}
