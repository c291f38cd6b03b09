import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import type { ClipConfig } from '../../lib/clip/config.js';
import { create } from '../../lib/clip/model.js';
import { ready } from '../../lib/runtime/ready.js';
import { cli } from '../support/cli.js';
import { layouts } from '../support/layouts.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-plan-'));
const at = (...names: string[]): string => join(root, ...names);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Large enough for the activations to be most of what a training takes. */
const VISUAL: Record<string, ClipConfig['visual']> = {
  resnet: { kind: 'resnet', layers: [2, 2, 2, 2], width: 32, imageSize: 128 },
  vit: { kind: 'vit', layers: 6, width: 192, heads: 3, patchSize: 8, imageSize: 112 },
};

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
  await layouts['imagenet-lt'](at('data'));
  for (const [name, visual] of Object.entries(VISUAL)) {
    const text = { contextLength: 77, vocabSize: 49408, width: 128, heads: 2, layers: 2, vocabulary: [49406, 49407] };
    const model = create({ embedDim: 64, visual, text }, { seed: 0 });
    await saveClip(at(`${name}.safetensors`), model.config, model.params);
    const metadata = { stage: 'pretrain', holdOut: '0.25' };
    if (name === 'vit') await saveClip(at('held.safetensors'), model.config, model.params, { metadata });
    model.dispose();
  }
});

const dry = async (...args: string[]) => {
  const done = await cli([...args, '--run', at('run'), '--dry-run', '--json']);
  return { ...done, printed: done.stdout ? JSON.parse(done.stdout) : undefined };
};

describe('a dry run of a preset', () => {
  it('prints every setting, checks files and counts, and adds up what it takes', async () => {
    const { printed, stderr, code } = await dry('pretrain', at('data'), '--preset', 'imagenet-lt-r50');
    expect(code).toBe(1); // the weights are not there
    const { options, plan } = printed;
    expect(options).toMatchObject({ steps: 50, batch: 2048, microBatch: 32, learningRate: 5e-5, warmupSteps: 5 });
    expect(plan.ready).toBe(false);
    expect(plan.weights.missing).toMatch(
      /no --from: preset imagenet-lt-r50 begins with CLIP's RN50: get RN50.pt from https/,
    );
    expect(plan.updates).toEqual({
      ...{ steps: 50, perEpoch: 1, epochs: 50, effectiveBatch: 2048, microBatch: 32, parts: 64, views: 102_400 },
    });
    expect(plan.differs.here[0]).toMatch(/3 classes, published 1,000/);
    expect(plan.differs.released.map((d: { key: string }) => d.key)).toContain('precision');
    expect(plan.data.findings.join()).toMatch(/differences from the published ImageNet-LT/);
    // Of the paper's model, since there are no weights: 102 million parameters, 12 GFLOP a picture.
    expect(plan.memory.parameters / 4 / 2).toBeCloseTo(102e6, -6.5);
    expect(plan.memory.total).toBeLessThan(24 * 2 ** 30);
    expect(plan.compute.update / 2048 / 4).toBeGreaterThan(17e9);
    expect(plan.time.basis).toMatch(/a lower bound/);
    expect(plan.time.all).toBeCloseTo(50 * plan.time.update, 0);
    expect(existsSync(at('run'))).toBe(false);
    expect(stderr).not.toMatch(/effective batch/);
  });

  it('prints lines for people: the settings as --set takes them, what the training takes last', async () => {
    const args = ['--preset', 'imagenet-lt-r50', '--run', at('run'), '--dry-run'];
    const { code, stdout } = await cli(['pretrain', at('data'), ...args]);
    expect(code).toBe(1);
    expect(stdout).not.toMatch(/[{}"]/);
    const [settings, plan] = stdout.split('\n\n');
    expect(settings).toMatch(/^command +pretrain\nrun +.*\nseed +0\n/);
    expect(settings).toMatch(/\npreset +imagenet-lt-r50\n/);
    expect(settings).toMatch(/\noptions .*steps=50/s);
    for (const pair of settings!.match(/\S+=\S+/g)!) expect(pair).toMatch(/^[a-zA-Z.]+=[\w.,-]+$/);
    expect(Math.max(...settings!.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(plan).toMatch(/effective batch 2048, 64 parts of at most 32/);
    expect(plan!.trimEnd().split('\n').at(-1)).toMatch(/not ready: what is missing or wrong would stop/);
  });

  it('names the files that are missing, and presets and settings that are misspelt', async () => {
    const places = await dry('pretrain', at('data'), '--preset', 'places-lt-r50');
    expect(places.code).toBe(1);
    expect(places.stderr).toMatch(/Places_LT_train\.txt/);
    const preset = await dry('pretrain', at('data'), '--preset', 'imagenet-r50');
    expect(preset.code).toBe(2);
    expect(preset.stderr).toMatch(/did you mean imagenet-lt-r50/);
    const setting = await dry('pretrain', at('data'), '--set', 'microbatch=4');
    expect(setting.code).toBe(2);
    expect(setting.stderr).toMatch(/did you mean microBatch/);
    const begun = await cli(['pretrain', at('data'), '--preset', 'imagenet-lt-r50', '--run', at('run')]);
    expect(begun.code).toBe(2);
    expect(begun.stderr).toMatch(/get RN50\.pt from https.*and name it: --from RN50\.pt/);
  });
});

it('a measurement trains with the teacher that is named', async () => {
  const args = ['--from', at('resnet.safetensors'), '--teacher', at('vit.safetensors'), '--measure'];
  const parameters = async (...more: string[]) =>
    (await dry('pretrain', at('data'), '--from', at('resnet.safetensors'), ...more)).printed.plan.memory.parameters;
  const teacher = statSync(at('vit.safetensors')).size;
  const more = (await parameters('--teacher', at('vit.safetensors'))) - (await parameters());
  expect(more / teacher).toBeGreaterThan(0.9);
  expect(more / teacher).toBeLessThan(1.1);
  const { code, stderr } = await dry('pretrain', at('data'), ...args);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /the teacher .*vit\.safetensors sees 112 pixels and 77 tokens, .*resnet\.safetensors 128 and 77/,
  );
});

it('a dry run takes over what stage 1 held out, and misses a teacher that is not there', async () => {
  const held = await dry('finetune', at('data'), '--from', at('held.safetensors'));
  expect(held.printed.plan).toMatchObject({ ready: true, data: { holdOut: 0.25 } });
  // Anchors are chosen first: the features of all sentences, as they are, as unit rows and as a tensor, of 64 floats each.
  const { memory, data } = held.printed.plan;
  expect(memory.choosing).toBeGreaterThan(3 * data.sentences * 64 * 4);
  expect(memory.total).toBeGreaterThanOrEqual(memory.choosing);
  const { stdout } = await cli(['finetune', at('data'), '--from', at('held.safetensors'), '--dry-run']);
  expect(stdout).toMatch(/choosing anchors before it takes about \d/);
  const other = await dry('finetune', at('data'), '--from', at('held.safetensors'), '--hold-out', '0.1');
  expect(other.code).toBe(2);
  expect(other.stderr).toMatch(/held\.safetensors was trained with --hold-out 0\.25/);
  const preset = await dry('pretrain', at('data'), '--from', at('vit.safetensors'), '--preset', 'imagenet-lt-r50');
  expect(preset.printed.plan.differs.here.at(-1)).toMatch(
    /^weights .*vit\.safetensors \(SHA-256 [0-9a-f]{64}\), the preset has RN50/,
  );
  const taught = await dry('pretrain', at('data'), '--from', at('vit.safetensors'), '--teacher', at('none.pt'));
  expect(taught.code).toBe(1);
  expect(taught.printed.plan.weights.missing).toMatch(/the teacher .*none\.pt does not exist/);
});

// The estimate is of sums over layers, the peak is the process's own: within a factor of two of one another.
describe.each(Object.keys(VISUAL))('what a training of a %s takes', (name) => {
  it.each(['pretrain', 'finetune'])('%s, counted and measured', async (stage) => {
    const args = ['--from', at(`${name}.safetensors`), '--batch', '32', '--micro-batch', '16', '--augment', 'none'];
    const encoder = stage === 'finetune' ? ['--encoder-rate', '1', '--mixup'] : [];
    const done = await cli([stage, at('data'), ...args, ...encoder, '--run', at('run'), '--measure', '--json']);
    expect(done.code, done.stderr).toBe(0);
    const { plan } = JSON.parse(done.stdout);
    expect(plan.measured).toMatchObject({ batch: 32, microBatch: 16 });
    expect(plan.time.update).toBeCloseTo(plan.measured.seconds, 6);
    const ratio = plan.memory.total / plan.measured.peak;
    expect(ratio, done.stderr).toBeGreaterThan(0.5);
    expect(ratio, done.stderr).toBeLessThan(2);
    expect(existsSync(at('run'))).toBe(false);
  });
});
