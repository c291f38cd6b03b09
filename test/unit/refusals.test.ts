import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import type { ClipModel } from '../../lib/clip/model.js';
import { clip, ops, stages, tf } from '../../lib/index.js';
import { ready } from '../../lib/runtime/ready.js';

// What a caller without types may hand over: every mistake is a VlltrError that names the thing.
const config: ClipConfig = {
  embedDim: 8,
  visual: { kind: 'vit', layers: 1, width: 8, heads: 2, patchSize: 4, imageSize: 8 },
  text: { contextLength: 16, vocabSize: 100, width: 8, heads: 2, layers: 1 },
};
const refused = (call: () => unknown, message: RegExp) => {
  expect(call).toThrow(expect.objectContaining({ name: 'VlltrError', code: 'ERR_ARGUMENT' }));
  expect(call).toThrow(message);
};
const wrong = (value: unknown) => value as never;

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
});

describe('operations refuse', () => {
  it.each([
    ['classwiseContrastive', ops.classwiseContrastive],
    ['anchorAttention', ops.anchorAttention],
    ['selectAnchors', stages.selectAnchors],
  ])('a call of %s without its arguments', (name, op) => {
    refused(() => op(wrong(undefined)), new RegExp(`${name}: the argument is undefined; expected an object`));
    refused(() => op(wrong(null)), /is null/);
  });
});

describe('clip.create refuses', () => {
  it.each([
    ['no configuration', undefined, /clip config is undefined, expected an object/],
    ['no image encoder', { ...config, visual: undefined }, /visual is undefined, expected an object/],
    ['no text encoder', { ...config, text: null }, /text is null, expected an object/],
    ['a vocabulary that is no list', { ...config, text: { ...config.text, vocabulary: 5 } }, /vocabulary is number/],
    ['an unknown kind', { ...config, visual: { ...config.visual, kind: 'mlp' } }, /kind is "mlp"/],
  ])('%s', (_, given, message) => {
    refused(() => clip.create(wrong(given)), message);
  });

  it('a name that every object has', () => {
    refused(() => clip.config(wrong('toString')), /no CLIP configuration is named "toString"/);
  });
});

describe('a model refuses', () => {
  let model: ClipModel;
  beforeAll(() => {
    model = clip.create(config);
  });
  afterAll(() => model.dispose());

  it.each([
    ['no pictures', () => undefined, /images is undefined, expected float32 \[N, 8, 8, 3\]/],
    ['pictures of another size', () => tf.zeros([1, 8, 9, 3]), /images is float32 \[1,8,9,3\]/],
    ['pictures of whole numbers', () => tf.zeros([1, 8, 8, 3], 'int32'), /images is int32 \[1,8,8,3\]/],
  ])('%s', (_, make, message) => {
    tf.tidy(() => refused(() => model.encodeImage(wrong(make())), message));
  });

  it.each([
    ['no ids', () => undefined, /ids is undefined, expected int32 \[N, 1 \.\. 16\]/],
    ['ids of another type', () => tf.zeros([1, 8]), /ids is float32 \[1,8\]/],
    ['rows without ids', () => tf.zeros([1, 0], 'int32'), /ids is int32 \[1,0\]/],
    ['too long rows', () => tf.zeros([1, 17], 'int32'), /ids is int32 \[1,17\]/],
    [
      'an id without an embedding',
      () =>
        tf.tensor2d(
          [
            [1, 2],
            [3, 100],
          ],
          [2, 2],
          'int32',
        ),
      /ids\[1, 1\] is 100, expected 0 \.\. 99/,
    ],
    ['a negative id', () => tf.tensor2d([[0, -1]], [1, 2], 'int32'), /ids\[0, 1\] is -1/],
  ])('%s', (_, make, message) => {
    tf.tidy(() => refused(() => model.encodeText(wrong(make())), message));
  });

  it('tensors that were disposed', () => {
    const images = tf.zeros([1, 8, 8, 3]);
    images.dispose();
    refused(() => model.encodeImage(wrong(images)), /images is a disposed tensor/);
  });
});
