import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ClipConfig, checkClipConfig, clipConfig, resnetSizes } from '../../lib/clip/config.js';
import { initialize } from '../../lib/clip/init.js';
import { fromFile, toFile } from '../../lib/clip/layout.js';
import { create, encodeImage, encodeText, isTrainable, parameterSpecs } from '../../lib/clip/model.js';
import { parameter } from '../../lib/clip/parameters.js';
import { cutToLongest } from '../../lib/clip/text.js';
import { transformer, transformerAllTokens } from '../../lib/clip/transformer.js';
import { causalMask, causalMaskAt } from '../../lib/ops/attention.js';
import { tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { relativeError } from '../support/compare.js';
import { hashed } from '../support/hashed.js';
import { fileShape, hashedFile, hashedParams } from '../support/hashedClip.js';

const text = { contextLength: 16, vocabSize: 64, width: 16, heads: 2, layers: 2 };
const vit: ClipConfig = {
  embedDim: 8,
  visual: { kind: 'vit', layers: 2, width: 16, heads: 2, patchSize: 4, imageSize: 12 },
  text,
};
const resnet: ClipConfig = {
  embedDim: 8,
  visual: { kind: 'resnet', layers: [1, 1], width: 4, stemPool: false, imageSize: 16 },
  text,
};
const differs = (a: tf.Tensor, b: tf.Tensor): number => relativeError(a.dataSync(), [...b.dataSync()]);

describe('configuration', () => {
  it('gives the official models OpenAI’s parameters, by name, shape and count', () => {
    const official = JSON.parse(readFileSync(new URL('../reference/clip-shapes.json', import.meta.url), 'utf8'));
    for (const name of ['RN50', 'ViT-B/16'] as const) {
      const specs = parameterSpecs(clipConfig(name));
      const shapes = Object.fromEntries(specs.map((s) => [s.name, fileShape(s.shape, s.layout).join('x')]));
      expect(shapes).toEqual(official[name].shapes);
      const count = (prefix: string) =>
        specs
          .filter((s) => s.name.startsWith(prefix) && isTrainable(s.name))
          .reduce((sum, s) => sum + s.shape.reduce((a, b) => a * b, 1), 0);
      expect(count('visual.')).toBe(official[name].visualParameters);
      expect(count('')).toBe(official[name].parameters);
    }
    expect(resnetSizes(clipConfig('RN50').visual as never)).toEqual({ features: 2048, heads: 32, grid: 7 });
  });

  it.each([
    ['embedDim', { ...vit, embedDim: 0 }, /embedDim is 0/],
    ['heads', { ...vit, text: { ...text, heads: 3 } }, /text\.width is 16.*3 heads/],
    ['layers', { ...resnet, visual: { ...resnet.visual, layers: [] } }, /visual\.layers/],
    ['an odd width', { ...resnet, visual: { ...resnet.visual, width: 5 } }, /visual\.width is 5/],
    ['a picture too small', { ...resnet, visual: { ...resnet.visual, imageSize: 2 } }, /leaves no pixel/],
    ['kind', { ...vit, visual: { ...vit.visual, kind: 'mlp' } }, /visual\.kind is "mlp"/],
    ['vocabulary', { ...vit, text: { ...text, vocabulary: [3, 3] } }, /vocabulary/],
  ])('refuses %s', (_, config, message) => {
    expect(() => checkClipConfig(config as ClipConfig)).toThrow(message);
    expect(() => clipConfig('RN51' as never)).toThrow(/RN51/);
  });
});

describe('cutToLongest', () => {
  it('keeps whole sentences and a multiple of the bucket', () => {
    const ids = Int32Array.from({ length: 32 }, (_, i) => i);
    expect(cutToLongest(ids, [3, 5], 4)).toEqual({ length: 8, ids: ids.filter((i) => i % 16 < 8) });
    expect(cutToLongest(ids, [16, 5], 12)).toEqual({ length: 16, ids });
    expect(() => cutToLongest(ids, [17, 5])).toThrow(/17 tokens/);
    expect(() => cutToLongest(ids, [1, 1, 1])).toThrow(/rows/);
  });
});

onEveryBackend(() => {
  it('starts from CLIP’s initialisation, by seed', () => {
    const [a, b, c] = [initialize(resnet, 1), initialize(resnet, 1), initialize(resnet, 2)];
    const name = 'transformer.resblocks.0.mlp.c_fc.weight';
    expect(a[name]!.dataSync()).toEqual(b[name]!.dataSync());
    expect(a[name]!.dataSync()).not.toEqual(c[name]!.dataSync());
    const deviation = Math.sqrt(tf.mean(tf.square(a[name]!)).dataSync()[0]!);
    expect(Math.abs(deviation * Math.sqrt(2 * text.width) - 1)).toBeLessThan(0.1);
    expect(a['visual.layer1.0.bn3.weight']!.dataSync()).toEqual(new Float32Array(16));
    expect(a['visual.layer1.0.bn2.running_var']!.dataSync()).toEqual(new Float32Array(4).fill(1));
    const bound = 36 ** -0.5;
    const conv = a['visual.layer1.0.conv2.weight']!;
    expect(tf.max(tf.abs(conv)).dataSync()[0]).toBeLessThanOrEqual(bound);
    expect(tf.max(tf.abs(conv)).dataSync()[0]).toBeGreaterThan(0.9 * bound);
    expect(a.logit_scale!.dataSync()[0]).toBeCloseTo(Math.log(1 / 0.07), 6);
    tf.dispose([a, b, c]);
  });

  it('writes and reads PyTorch’s layout', async () => {
    const file = hashedFile(resnet);
    const params = fromFile(resnet, file);
    const back = await toFile(resnet, params);
    for (const [name, tensor] of Object.entries(file)) expect(back[name]).toEqual(tensor);
    tf.dispose(params);
    const broken = { ...file };
    delete broken['ln_final.bias'];
    expect(() => fromFile(resnet, broken)).toThrow(/no ln_final\.bias/);
    expect(() => fromFile({ ...resnet, embedDim: 9 }, file)).toThrow(/expected \[9,32\]/);
  });

  it('interpolates the positions of a checkpoint made for another picture size', () => {
    const larger = { ...vit, visual: { ...vit.visual, imageSize: 20 } } as ClipConfig;
    const params = fromFile(larger, hashedFile(vit));
    expect(params['visual.positional_embedding']!.shape).toEqual([26, 16]);
    tf.tidy(() => {
      expect(encodeImage(larger, params, tf.zeros([2, 20, 20, 3])).features.shape).toEqual([2, 8]);
    });
    tf.dispose(params);
  });

  it('computes the picked token as the whole computation does', () => {
    tf.tidy(() => {
      const params = hashedParams(vit);
      const x = tf.tensor3d(hashed('tokens', 3 * 5 * 16), [3, 5, 16]);
      const at = tf.tensor1d([4, 0, 2], 'int32');
      const rows = tf.tensor1d([4, 5, 12], 'int32');
      const pick = (t: tf.Tensor) => tf.gather(t.reshape([15, 16]), rows) as tf.Tensor2D;
      const options = { layers: 2, heads: 2, mask: causalMask(5), pickMask: causalMaskAt(at, 5), pick };
      const picked = transformer(params, 'transformer', x, options);
      const all = transformerAllTokens(params, 'transformer', x, options);
      expect(differs(picked, pick(all))).toBeLessThan(1e-5);
    });
  });

  it('sees nothing after the end token, and cutting changes nothing', () => {
    tf.tidy(() => {
      const params = hashedParams(vit);
      const row = (tail: number[]) => tf.tensor2d([[62, 5, 9, 63, ...tail]], undefined, 'int32');
      const short = encodeText(vit, params, row([]));
      expect(differs(encodeText(vit, params, row([0, 0, 0, 0])), short)).toBeLessThan(1e-5);
      expect(differs(encodeText(vit, params, row([7, 40, 2])), short)).toBeLessThan(1e-5);
      const other = encodeText(vit, params, tf.tensor2d([[62, 6, 9, 63]], undefined, 'int32'));
      expect(differs(other, short)).toBeGreaterThan(1e-3);
    });
  });

  it('maps ids to a compact vocabulary, with one row for all others', () => {
    tf.tidy(() => {
      const full = hashedParams(vit);
      const vocabulary = [63, 62, 9, 5];
      const compact = { ...vit, text: { ...text, vocabulary } };
      // Id 30 lends the last row its values.
      const table = tf.gather(parameter(full, 'token_embedding.weight'), [...vocabulary, 30]);
      const params = { ...full, 'token_embedding.weight': table };
      const ids = (unknown: number) => tf.tensor2d([[62, 5, unknown, 9, 63]], undefined, 'int32');
      const wanted = encodeText(vit, full, ids(30));
      for (const unknown of [30, 31, 0]) {
        expect(differs(encodeText(compact, params, ids(unknown)), wanted)).toBeLessThan(1e-6);
      }
      expect(initialize(compact, 0)['token_embedding.weight']!.shape).toEqual([5, 16]);
    });
  });

  it('makes a model that encodes, keeps to itself and can be disposed', () => {
    const before = tf.memory().numTensors;
    const model = create(resnet, { seed: 3 });
    const images = tf.tensor4d(hashed('images', 2 * 16 * 16 * 3), [2, 16, 16, 3]);
    const ids = tf.tensor2d([62, 5, 63, ...new Array(13).fill(0)], [1, 16], 'int32');
    const outputs = [model.encodeImage(images), model.encodeText(ids)];
    expect(outputs.map((t) => t.shape)).toEqual([
      [2, 8],
      [1, 8],
    ]);
    const again = encodeText(resnet, model.params, ids);
    expect(differs(outputs[1]!, again)).toBeLessThan(1e-5);
    expect(() => model.encodeImage(tf.zeros([1, 8, 8, 3]))).toThrow(/\[1,8,8,3\], expected float32 \[N, 16, 16, 3\]/);
    expect(() => model.encodeText(tf.zeros([1, 4]))).toThrow(/int32/);
    model.dispose();
    tf.dispose([images, ids, again, outputs]);
    expect(tf.memory().numTensors - before).toBe(2); // the two refused inputs
  });
});
