import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { PAPER_PRESETS } from '../../lib/presets/paper/index.js';
import { ready } from '../../lib/runtime/ready.js';
import { layouts } from '../support/layouts.js';
import { command } from '../support/program.js';
import { tinyClip } from '../support/tinyClip.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-presets-'));
const at = (...names: string[]): string => join(root, ...names);
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const DATA = ['imagenet-lt', 'places-lt', 'inaturalist-2018'] as const;
const VIT = { kind: 'vit', layers: 1, width: 16, heads: 2, patchSize: 8, imageSize: 16 } as const;

/** Every run holds a lock that goes at the process's end. */
process.setMaxListeners(100);

beforeAll(async () => {
  await ready();
  for (const name of DATA) await layouts[name](at(name));
  const data = await openPictures(at('imagenet-lt'), { imageSize: 16, authorsText: true });
  for (const [file, visual] of [
    ['RN50', {}],
    ['ViT-B-16', VIT],
  ] as const) {
    const model = tinyClip(data, visual);
    await saveClip(at(`${file}.safetensors`), model.config, model.params);
    model.dispose();
  }
});

describe.each(PAPER_PRESETS)('$name in miniature: tiny pictures in the official layout, a tiny CLIP', (preset) => {
  const { name, data, weights, anchors } = preset;
  const folder = at(data.format);
  const clip = at(weights.file.replace('.pt', '.safetensors'));
  // 384 pixels are larger than the weights' own, in miniature too.
  const size = preset.resolution === 384 ? 24 : 16;
  const small = ['--batch', '8', '--micro-batch', '4', '--epochs', '3'];
  const [stage1, stage2] = [`${name}/1`, `${name}/2`];
  const test = data.format === 'inaturalist-2018' ? 'val' : 'test';

  it('stage 1', async () => {
    const args = ['--preset', name, '--from', clip, '--resolution', String(size), '--run', at(stage1), ...small];
    const { stderr } = await command('pretrain', folder, ...args);
    expect(stderr).toContain(`unlike preset ${name}: 3 classes, published`);
    expect(stderr).toContain(`the preset has ${weights.file} (SHA-256 ${weights.sha256})`);
    expect(stderr).toContain(`pictures of ${size} pixels, the preset has ${preset.resolution}`);
    const { options, ...config } = json(stage1, 'config.json');
    expect(config).toMatchObject({ preset: name, ...data, resolution: size });
    const { schedule, learningRate, weightDecay, sampler, augment, batchNorm, smoothing } = preset.pretrain;
    expect(options).toMatchObject({ schedule, learningRate, weightDecay, sampler, augment, batchNorm, smoothing });
    const { minLearningRate, distillWeight, decayScalars, freeLogitScale } = preset.pretrain;
    expect(options).toMatchObject({ minLearningRate, distillWeight, decayScalars, freeLogitScale });
    expect(options).toMatchObject({ steps: 3, batch: 8, microBatch: 4 });
    expect(options.clipNorm).toBeUndefined();
  });

  it('anchors, of the data and the preset of that run', async () => {
    const { stdout } = await command('anchors', '--run', at(stage1), '--json');
    expect(Object.values(JSON.parse(stdout))[0]).toHaveLength(64);
    const { metadata } = await import('../../lib/files/safetensors.js').then((m) =>
      m.inspectSafetensors(at(stage1, 'anchors.safetensors')),
    );
    expect(JSON.parse(metadata.info!).options).toEqual(anchors);
  });

  it('stage 2, which takes over how the data is read', async () => {
    const { stderr } = await command('finetune', '--from', at(stage1), '--run', at(stage2), ...small);
    expect(stderr).toContain(`preset ${name}, as ${at(stage1)} has it`);
    expect(stderr).toContain(at(stage1, 'anchors.safetensors'));
    const { options, ...config } = json(stage2, 'config.json');
    expect(config).toMatchObject({ preset: name, ...data, alpha: preset.alpha });
    const { learningRate, attentionRate, encoderRate, detachNorm, mixup, batchNorm, warmupEpochs } = preset.finetune;
    expect(options).toMatchObject({ learningRate, attentionRate, encoderRate, detachNorm, mixup, batchNorm });
    expect(learningRate * attentionRate).toBeCloseTo(1e-6, 12);
    expect([warmupEpochs, options.warmupSteps]).toEqual([0, 0]);
    expect(json(stage2, 'summary.json')).toMatchObject({ alpha: preset.alpha, alphaChosenOn: 'given', classes: 3 });
  });

  it('is evaluated, both stages', async () => {
    const names = async (run: string) => {
      const { stdout } = await command('evaluate', '--run', at(run), '--split', test, '--json');
      const { results, shots } = JSON.parse(stdout);
      expect(shots).toEqual({ manyAbove: 99, fewUpTo: 20 });
      return results.map((row: { name: string }) => row.name);
    };
    expect(await names(stage2)).toEqual(['visual', 'text', 'both']);
    expect(await names(stage1)).toEqual(['class-mean', 'nearest-sentence', 'five-nearest']);
  });

  it('predicts a split as it is evaluated, and is exported', async () => {
    const out = at(name, 'predictions.jsonl');
    const { stderr } = await command('predict', '--run', at(stage2), '--split', test, '--out', out, '--top', '2');
    const lines = readFileSync(out, 'utf8').trim().split('\n');
    const records = lines.map((line) => JSON.parse(line));
    const { pictures, results } = json(stage2, `evaluation-${test}.json`);
    expect(records).toHaveLength(pictures);
    const right = records.filter(({ label, predicted }) => label === predicted).length;
    expect((100 * right) / pictures).toBeCloseTo(results[2].all, 6);
    expect(stderr).toContain(`${out}: ${pictures} predictions; ${results[2].all.toFixed(1)} % of ${pictures} right`);
    expect(records[0].guesses).toHaveLength(2);
    expect(records[0].guesses[0].class).toBe(records[0].predicted);
    const exported = await command('export', at(stage2), '--out', at(name, 'exported'), '--json');
    expect(JSON.parse(exported.stdout).written).toHaveLength(3);
  });
});
