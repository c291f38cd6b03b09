import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { type Recogniser, recogniserOf } from '../../lib/cli/actions/recogniser.js';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { tf } from '../../lib/runtime/tf.js';
import { loadAnchors, saveAnchors } from '../../lib/stages/anchorFile.js';
import { buildAnchors } from '../../lib/stages/anchors.js';
import { evaluateClassifier } from '../../lib/stages/evaluation.js';
import { imageFeatures } from '../../lib/stages/features.js';
import { createBaselineHead, createLgrHead, lgrLogits } from '../../lib/stages/head.js';
import { guesses, inspect, recognise } from '../../lib/stages/inspect.js';
import { type Classifier, loadClassifier, saveClassifier } from '../../lib/stages/modelFile.js';
import { explain } from '../../lib/stages/recognise.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear } from '../support/compare.js';
import { colourData, tinyClip } from '../support/tinyClip.js';

/** Steps that would be captured, by their names. */
const made: string[] = [];
vi.mock('../../lib/stages/capturedPass.js', async (original) => {
  const real = await original<typeof import('../../lib/stages/capturedPass.js')>();
  const capturedPass: typeof real.capturedPass = (name, pass) => {
    made.push(name);
    return real.capturedPass(name, pass);
  };
  return { capturedPass };
});

const folder = mkdtempSync(join(tmpdir(), 'vlltr-stages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = colourData();
// Classes of different numbers of anchors, so that padding matters.
data.sentences[2] = ['a photo of grass.'];
const trainCounts = [12, 6, 3, 2];
const ANCHORS = { anchors: 2, choice: 'anss', imagesPerClass: 50, split: 'train' } as const;

async function lgrClassifier(): Promise<Required<Classifier>> {
  const { config, params } = tinyClip(data);
  const bank = new TextBank(data.sentences, config.text.contextLength);
  const { embeddings, counts, sentences } = await buildAnchors(data, bank, { config, params }, ANCHORS, 0);
  const head = createLgrHead(config.embedDim, 4, 0);
  // The identity would hide an exchange of the two projections or a missing transposition.
  const bend = (name: string, by: number) => {
    const old = head[name]!;
    head[name] = tf.tidy(() => old.add(tf.sin(tf.range(0, old.size).mul(by)).mul(0.5).reshape(old.shape)));
    old.dispose();
  };
  bend('text_block.attn.wq.weight', 0.7);
  bend('text_block.attn.wk.weight', 1.3);
  bend('text_block.attn.norm1q.bias', 2.1);
  bend('text_block.visual_fc.2.weight', 0.9);
  const kept = Object.entries(params).filter(([name]) => name.startsWith('visual.') || name === 'logit_scale');
  tf.dispose(Object.entries(params).flatMap(([name, t]) => (kept.some(([n]) => n === name) ? [] : [t])));
  return {
    config,
    params: { ...Object.fromEntries(kept), ...head },
    anchors: { embeddings, counts, sentences },
    info: {
      kind: 'lgr',
      config,
      classes: data.classes,
      trainCounts,
      alpha: 0.35,
      alphaChosenOn: 'val',
      sentences,
    },
  };
}

const dispose = (model: Classifier) => tf.dispose([model.params, ...(model.anchors ? [model.anchors.embeddings] : [])]);

onEveryBackend((backend) => {
  it('the shares of the sentences add up to the text logit, the attention to 1', async () => {
    const model = await lgrClassifier();
    const x = await imageFeatures(model.config, model.params, data.test!);
    const dim = model.config.embedDim;
    const logits = tf.tidy(() =>
      lgrLogits(
        model.params,
        tf.tensor2d(x, [8, dim]),
        model.anchors,
        model.params.logit_scale as tf.Scalar,
      ).text.arraySync(),
    );
    const before = tf.memory().numTensors;
    for (const [i, row] of logits.entries())
      for (const [c, expected] of row.entries()) {
        const { logit, sentences } = explain(model, x.subarray(i * dim, (i + 1) * dim), c);
        expect(logit).toBeCloseTo(expected, 3);
        expect(sentences).toHaveLength(c === 2 ? 1 : 2);
        expect(sentences.reduce((sum, s) => sum + s.share, 0)).toBeCloseTo(expected, 3);
        expect(sentences.reduce((sum, s) => sum + s.attention, 0)).toBeCloseTo(1, 5);
        for (const { sentence } of sentences) expect(data.sentences[c]).toContain(sentence);
        for (let k = 1; k < sentences.length; k++)
          expect(sentences[k]!.share).toBeLessThanOrEqual(sentences[k - 1]!.share);
      }
    expect(tf.memory().numTensors).toBe(before);
    dispose(model);
  });

  it('a classifier comes back from its file as it was', async () => {
    const model = await lgrClassifier();
    const path = join(folder, `lgr-${backend}.safetensors`);
    await saveClassifier(path, model);
    const read = await loadClassifier(path);
    expect(read.info).toEqual(model.info);
    expect(Object.keys(read.params).sort()).toEqual(Object.keys(model.params).sort());
    for (const [name, tensor] of Object.entries(model.params)) {
      expect(read.params[name]!.shape, name).toEqual(tensor.shape);
      expect([...read.params[name]!.dataSync()], name).toEqual([...tensor.dataSync()]);
    }
    expect(read.anchors!.counts).toEqual(model.anchors.counts);
    const [mine, theirs] = [await recognise(model, data.test!), await recognise(read, data.test!)];
    expect([...theirs.both]).toEqual([...mine.both]);
    mine.both.forEach((p, i) => {
      expect(p).toBeCloseTo(0.35 * mine.visual[i]! + 0.65 * mine.text![i]!, 6);
    });
    dispose(model);
    dispose(read);
  });

  it('a vision-only classifier too, with no text in it', async () => {
    const clip = tinyClip(data);
    for (const kind of ['linear', 'mlp'] as const) {
      const visual = Object.entries(clip.params).filter(([name]) => name.startsWith('visual.'));
      const head = createBaselineHead(kind, 16, 4, 0);
      const model: Classifier = {
        config: clip.config,
        params: { ...Object.fromEntries(visual), ...head },
        info: { kind: 'baseline', config: clip.config, classes: data.classes, trainCounts },
      };
      const path = join(folder, `${kind}-${backend}.safetensors`);
      await saveClassifier(path, model);
      const read = await loadClassifier(path);
      expect(read.anchors).toBeUndefined();
      expect(Object.keys(read.params).some((name) => name.startsWith('transformer.'))).toBe(false);
      expect([...(await recognise(read, data.test!)).both]).toEqual([...(await recognise(model, data.test!)).both]);
      const rows = await evaluateClassifier(read, data.test!, { trainCounts, bounds: data.shots });
      expect(rows.map((r) => r.name)).toEqual(['baseline']);
      tf.dispose([head, read.params]);
    }
    clip.dispose();
  });

  it.each(['classifier', 'clip'] as const)('scores are made once for pictures in many calls: %s', async (kind) => {
    const model = await lgrClassifier();
    const clip = tinyClip(data);
    const texts = { path: 'clip', metadata: {}, config: clip.config, params: clip.params };
    const recogniser = (): Recogniser => {
      const { config } = model;
      return kind === 'classifier'
        ? recogniserOf({ kind, path: 'model', config, classifier: model, foreign: false }, undefined)
        : recogniserOf({ kind, path: 'clip', config, clip: texts }, data);
    };
    // More than a batch of them, so that they are captured where that can be, and fewer.
    const { length } = data.test!;
    const parts = [300, 270, 5].map((n, k) => Array.from({ length: n }, (_, i) => (3 * i + k) % length));
    const alone: Float32Array[] = [];
    for (const part of parts) {
      const own = recogniser();
      alone.push((await own.recognise(data.test!, part)).both);
      own.dispose();
    }
    const tensors = tf.memory().numTensors;
    made.length = 0;
    const all = recogniser();
    for (const [k, part] of parts.entries()) expect((await all.recognise(data.test!, part)).both).toEqual(alone[k]);
    all.dispose();
    expect(made.filter((name) => name === 'class scores')).toHaveLength(1);
    expect(tf.memory().numTensors).toBe(tensors);
    clip.dispose();
    tf.dispose([model.params, model.anchors.embeddings]);
  });

  it('an inspection agrees with the predictions', async () => {
    const model = await lgrClassifier();
    const seen = await recognise(model, data.test!);
    const found = await inspect(data, model, undefined, { examplesPerGroup: 2, top: 2 });
    const { labels } = data.test!;
    found.classes.forEach((c, label) => {
      const own = [...labels.keys()].filter((i) => labels[i] === label);
      const right = own.filter((i) => seen.predicted[i] === label).length;
      expect(c).toEqual({
        name: data.classes[label],
        trainCount: trainCounts[label],
        accuracy: (100 * right) / own.length,
        baseline: null,
      });
    });
    const wrong = [...labels].filter((y, i) => seen.predicted[i] !== y).length;
    expect(found.confused.reduce((sum, pair) => sum + pair.count, 0)).toBe(wrong);
    // Two examples of each group: few, medium, many.
    expect(found.examples.map((e) => e.trainCount <= 3)).toEqual([true, true, false, false, false, false]);
    for (const example of found.examples) {
      const i = Number(example.id.split('/')[1]);
      expect(example.guesses).toEqual(guesses(model.info.classes, seen, i, 2));
      expect(example.guesses[0]!.class).toBe(data.classes[seen.predicted[i]!]);
      expect([...example.pixels]).toEqual([...(await data.test!.read([i]))]);
    }
    dispose(model);
  });
});

onEveryBackend((backend) => {
  it('anchors come back from their file, and as JSON for people', async () => {
    const { config, params } = tinyClip(data);
    const bank = new TextBank(data.sentences, config.text.contextLength);
    const { losses, selected, ...anchors } = await buildAnchors(data, bank, { config, params }, ANCHORS, 0);
    const ofEach = selected.map((rows, c) => rows.map((row) => losses![bank.offsets[c]! + row]!));
    for (const list of ofEach) expect([...list].sort((a, b) => a - b)).toEqual(list);
    const path = join(folder, backend, 'anchors.safetensors');
    const info = { classes: data.classes, sentences: anchors.sentences, options: ANCHORS, seed: 0, model: 'x' };
    await saveAnchors(path, anchors, info, ofEach);
    const read = await loadAnchors(path);
    expect(read.info).toEqual(info);
    expect(read.anchors.counts).toEqual([2, 2, 1, 2]);
    expectNear(read.anchors.embeddings, anchors.embeddings.arraySync(), 0);
    const json = JSON.parse(await readFile(join(folder, backend, 'anchors.json'), 'utf8'));
    expect(Object.keys(json)).toEqual(data.classes);
    expect(json.rose[0]).toEqual({ sentence: anchors.sentences[1]![0], loss: ofEach[1]![0] });
    tf.dispose([params, anchors.embeddings, read.anchors.embeddings]);
  });
});

it('a file of another kind is refused by name', async () => {
  const clip = tinyClip(data);
  const path = join(folder, 'clip.safetensors');
  await saveClip(path, clip.config, clip.params);
  await expect(loadClassifier(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /vl-ltr-clip/ });
  await expect(loadAnchors(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /vl-ltr-clip/ });
  writeFileSync(path, 'no tensors');
  await expect(loadClassifier(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  clip.dispose();
});
