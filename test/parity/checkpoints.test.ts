import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type LoadOptions, loadClip, saveClip } from '../../lib/clip/checkpoint/index.js';
import type { ClipConfig } from '../../lib/clip/config.js';
import { type ClipModel, encodeImage } from '../../lib/clip/model.js';
import { tf } from '../../lib/runtime/tf.js';
import { lgrLogits } from '../../lib/stages/head.js';
import { importClassifier } from '../../lib/stages/importClassifier.js';
import { type Classifier, loadClassifier, saveClassifier } from '../../lib/stages/modelFile.js';
import { onEveryBackend } from '../support/backends.js';
import { unpackCheckpoints, writeHuggingFaceConfig } from '../support/checkpoints.js';
import { expectNear } from '../support/compare.js';
import { hashed } from '../support/hashed.js';

interface Features {
  image: number[];
  text: number[];
}
interface Stage2 {
  config: ClipConfig;
  counts: number[];
  /** softmax(z^I) */
  visual: number[];
  /** z^T */
  textual: number[];
}
interface Case extends Features {
  config: ClipConfig;
  resolution: number;
  imageAt: number[];
  gelu?: Features;
}

/** PyTorch's features of the same files, float32: test/reference/checkpoints.py. */
const { ids, cases } = JSON.parse(readFileSync(new URL('../reference/checkpoints.json', import.meta.url), 'utf8')) as {
  ids: number[][];
  cases: Record<string, Case>;
};
const models = Object.entries(cases).filter(([name]) => !name.startsWith('stage2'));
const classifiers = Object.entries(cases as unknown as Record<string, Stage2>).filter(([name]) =>
  name.startsWith('stage2'),
);
const { folder, remove } = unpackCheckpoints();
afterAll(remove);
const at = (...names: string[]): string => join(folder, ...names);

const TOLERANCE = 1e-5;

function expectImages(model: ClipModel, wanted: number[]): void {
  tf.tidy(() => {
    const size = model.config.visual.imageSize;
    const images = tf.tensor4d(hashed('images', 3 * size * size * 3), [3, size, size, 3]);
    expectNear(model.encodeImage(images), wanted, TOLERANCE);
  });
}

function expectFeatures(model: ClipModel, wanted: Features): void {
  expectImages(model, wanted.image);
  tf.tidy(() => expectNear(model.encodeText(tf.tensor2d(ids, undefined, 'int32')), wanted.text, TOLERANCE));
}

async function using<T>(path: string, options: LoadOptions, use: (model: ClipModel) => T): Promise<T> {
  const model = await loadClip(path, options);
  try {
    return use(model);
  } finally {
    model.dispose();
  }
}

onEveryBackend(() => {
  it.each(models)('%s has the architecture and the features of PyTorch', async (name, wanted) => {
    await using(at(name), {}, (model) => {
      expect(model.config).toEqual(wanted.config);
      expectFeatures(model, wanted);
    });
  });

  it.each(models)('%s at another resolution has the features of PyTorch', async (name, { resolution, imageAt }) => {
    await using(at(name), { resolution }, (model) => expectImages(model, imageAt));
  });

  it('takes the activation from the configuration beside it, or from the caller', async () => {
    const wanted = cases['hugging-face-vit.safetensors']!;
    mkdirSync(at('hf'), { recursive: true });
    copyFileSync(at('hugging-face-vit.safetensors'), at('hf', 'model.safetensors'));
    writeHuggingFaceConfig(at('hf'), 'gelu');
    await using(at('hf'), {}, (model) => expectFeatures(model, wanted.gelu!));
    await using(at('hf'), { activation: 'quick_gelu' }, (model) => expectFeatures(model, wanted));

    const openClip = cases['openclip-vit.safetensors']!;
    mkdirSync(at('oc'), { recursive: true });
    copyFileSync(at('openclip-vit.safetensors'), at('oc', 'open_clip_model.safetensors'));
    const config = { model_cfg: { vision_cfg: { width: 16, head_width: 16 }, text_cfg: { heads: 1 } } };
    writeFileSync(at('oc', 'open_clip_config.json'), JSON.stringify(config));
    await using(at('oc'), {}, (model) => expectFeatures(model, openClip.gelu!));
  });

  it('saves a model so that it is the same when read again', async () => {
    for (const [name, options] of [
      ['openai-rn.pt', {}],
      ['openclip-vit.safetensors', { activation: 'gelu' }],
    ] as const) {
      const model = await loadClip(at(name), options);
      await saveClip(at('saved.safetensors'), model.config, model.params);
      await using(at('saved.safetensors'), {}, (again) => {
        expect(again.config).toEqual(model.config);
        expectFeatures(again, (name === 'openai-rn.pt' ? cases[name] : cases[name]?.gelu) as Features);
      });
      model.dispose();
    }
  });
});

/** Logits of an imported classifier for the hashed pictures: softmax(z^I), z^T. */
function expectLogits({ config, params, anchors }: Classifier, wanted: Stage2, order: number[]): void {
  const size = config.visual.imageSize;
  const columns = (values: number[]): number[] =>
    [0, 1, 2].flatMap((row) => order.map((c) => values[row * order.length + c]!));
  tf.tidy(() => {
    const images = tf.tensor4d(hashed('images', 3 * size * size * 3), [3, size, size, 3]);
    const x = encodeImage(config, params, images).features;
    const z = lgrLogits(params, x, anchors!, params.logit_scale as tf.Scalar);
    expectNear(tf.softmax(z.visual), columns(wanted.visual), TOLERANCE);
    expectNear(z.text, columns(wanted.textual), TOLERANCE);
  });
}

onEveryBackend(() => {
  it.each(classifiers)('%s becomes a classifier with its anchors inside', async (name, wanted) => {
    const before = tf.memory().numTensors;
    const plain = (await importClassifier(at(name)))!;
    expect(plain.info).toMatchObject({ kind: 'lgr', alpha: 0.2, trainCounts: [] });
    expect(plain.config.visual).toEqual(wanted.config.visual);
    expect(plain.anchors!.counts).toEqual(wanted.counts);
    expectLogits(plain, wanted, [0, 1, 2, 3, 4]);
    await saveClassifier(at('classifier.safetensors'), plain);
    const again = await loadClassifier(at('classifier.safetensors'));
    expect(again.info).toEqual(plain.info);
    expectLogits(again, wanted, [0, 1, 2, 3, 4]);
    const named = (await importClassifier(at(name), {
      classes: ['d', 'a', 'e', 'c', 'b'],
      order: ['a', 'b', 'c', 'd', 'e'],
      trainCounts: [5, 4, 3, 2, 1],
    }))!;
    expect(named.info.classes).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(named.anchors!.counts).toEqual([1, 4, 3, 0, 2].map((c) => wanted.counts[c]));
    expectLogits(named, wanted, [1, 4, 3, 0, 2]);
    for (const { params, anchors } of [plain, again, named]) tf.dispose([params, anchors!.embeddings]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses classes that are not those of the classifier', async () => {
    const name = 'stage2-vit.pth';
    await expect(importClassifier(at(name), { classes: ['a'] })).rejects.toThrow(
      /for 5 classes; expected as many, not 1/,
    );
    const classes = ['a', 'b', 'c', 'd', 'e'];
    const order = ['a', 'b', 'c', 'd', 'x'];
    await expect(importClassifier(at(name), { classes, order })).rejects.toThrow(/do not include "x"/);
    expect(await importClassifier(at('stage1-vit.pth'))).toBeUndefined();
  });
});

describe('loading', () => {
  it('leaves no tensor behind where it fails', async () => {
    const before = tf.memory().numTensors;
    await expect(loadClip(at('openai-vit.pt'), { resolution: 3 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(loadClip(at('stage2-vit.pth'))).rejects.toThrow(/vl-ltr import reads it/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
