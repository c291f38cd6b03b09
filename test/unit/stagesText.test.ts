import { expect, it } from 'vitest';
import { encodeText } from '../../lib/clip/model.js';
import { tokenize } from '../../lib/clip/tokenizer.js';
import { tf } from '../../lib/runtime/tf.js';
import { imageFeatures, sentenceFeatures } from '../../lib/stages/features.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { classifyByText, classMeans, normalizeRows, textToImageAccuracy, zeroShot } from '../../lib/stages/zeroShot.js';
import { onEveryBackend } from '../support/backends.js';
import { colourData, tinyClip } from '../support/tinyClip.js';

it('a bank knows its rows', () => {
  const bank = new TextBank([['a', 'b'], ['c']], 8);
  expect([...bank.offsets]).toEqual([0, 2, 3]);
  expect([...bank.labels]).toEqual([0, 0, 1]);
  expect(bank.counts()).toEqual([2, 1]);
  expect(bank.text(1)).toBe('b');
  expect(bank.truncated).toBe(0);
  expect(new TextBank([['one two three four five six']], 6).truncated).toBe(1);
  expect(() => new TextBank([['a'], []])).toThrow('class 1 has no sentence');
});

onEveryBackend(() => {
  it('zero-shot is the class mean of the full classification', async () => {
    const data = colourData();
    // Random weights that put pictures into more than one class.
    const model = tinyClip(data, { kind: 'vit', layers: 1, width: 16, heads: 2, patchSize: 8 }, 4);
    const bank = new TextBank(data.sentences, 16);
    const { config, params } = model;
    const before = tf.memory().numTensors;
    const image = normalizeRows(await imageFeatures(config, params, data.train), config.embedDim);
    const { classMean } = classifyByText(config, params, bank, image);
    expect([...(await zeroShot(model, bank, data.train))]).toEqual([...classMean]);
    expect(new Set(classMean).size).toBeGreaterThan(1);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('cutting a batch to its longest sentence changes no feature', () => {
    const data = colourData();
    data.sentences[0] = ['coal', 'coal, a black or dark brown rock that burns for a long time and gives heat'];
    const model = tinyClip(data);
    const bank = new TextBank(data.sentences, 16);
    const features = (rows: number[]) => {
      const ids = bank.batch(rows);
      const out = encodeText(model.config, model.params, ids);
      return { width: ids.shape[1], values: out.dataSync() as Float32Array };
    };
    const full = encodeText(model.config, model.params, tokenize(data.sentences.flat(), { contextLength: 16 }));
    const all = full.dataSync();
    expect(features([1]).width).toBe(16);
    for (let row = 0; row < bank.length; row++) {
      const { width, values } = features([row]);
      expect(width % 4).toBe(0);
      if (row !== 1) expect(width).toBeLessThan(16);
      values.forEach((v, j) => {
        expect(v).toBeCloseTo(all[row * 16 + j]!, 5);
      });
    }
    sentenceFeatures(model.config, model.params, bank).forEach((v, i) => {
      expect(v).toBeCloseTo(all[i]!, 5);
    });
    model.dispose();
  });

  it('classifies by class mean, nearest sentence and five nearest; text finds its pictures', () => {
    const data = colourData();
    const model = tinyClip(data);
    const bank = new TextBank(data.sentences, 16);
    const dim = model.config.embedDim;
    const sentences = normalizeRows(sentenceFeatures(model.config, model.params, bank), dim);
    const before = tf.memory().numTensors;
    // Pictures that are sentences: each is nearest to itself.
    const same = classifyByText(model.config, model.params, bank, sentences);
    expect([...same.nearestSentence]).toEqual([...bank.labels]);
    // Pictures that are class means: each is of its class.
    const means = classMeans(sentences, bank, dim);
    expect([...classifyByText(model.config, model.params, bank, means).classMean]).toEqual([0, 1, 2, 3]);
    expect(textToImageAccuracy(model.config, model.params, bank, sentences, bank.labels)).toBe(100);
    const wrong = bank.labels.map((y) => (y + 1) % 4);
    expect(textToImageAccuracy(model.config, model.params, bank, sentences, wrong)).toBe(0);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('the vote of five goes to the majority, a tie to the nearer', () => {
    const data = colourData();
    const model = tinyClip(data);
    const bank = new TextBank(data.sentences, 16);
    const dim = model.config.embedDim;
    const sentences = normalizeRows(sentenceFeatures(model.config, model.params, bank), dim);
    const image = normalizeRows(
      Float32Array.from({ length: 6 * dim }, (_, i) => Math.sin(1 + i * i)),
      dim,
    );
    const { fiveNearest } = classifyByText(model.config, model.params, bank, image);
    for (let n = 0; n < 6; n++) {
      const score = (row: number): number => {
        let sum = 0;
        for (let j = 0; j < dim; j++) sum += image[n * dim + j]! * sentences[row * dim + j]!;
        return sum;
      };
      const five = Array.from({ length: bank.length }, (_, row) => row)
        .sort((a, b) => score(b) - score(a))
        .slice(0, 5)
        .map((row) => bank.labels[row]!);
      const votes = (y: number): number => five.filter((z) => z === y).length;
      const most = Math.max(...five.map(votes));
      expect(fiveNearest[n]).toBe(five.find((y) => votes(y) === most));
    }
    model.dispose();
  });
});
