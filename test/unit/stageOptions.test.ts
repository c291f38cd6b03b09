import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import type { PretrainOptions } from '../../lib/stages/options.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { colourData, tinyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-options-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
});

const data = colourData();
const bank = new TextBank(data.sentences, 16);
const OPTIONS: PretrainOptions = {
  steps: 1,
  batch: 8,
  learningRate: 0.01,
  warmupSteps: 0,
  minLearningRate: 0,
  weightDecay: 0.5,
  sampler: 'sqrt',
  augment: { preset: 'none' },
  batchNorm: 'eval',
  smoothing: 0,
  distillWeight: 0,
  checkpointEvery: 0,
  evaluateEvery: 0,
};

let runs = 0;
/** Stage 1 from a logit scale: where it ends, and the learning rate of every update. */
async function stage1(options: Partial<PretrainOptions>, logitScale = 3) {
  const model = tinyClip(data);
  model.params.logit_scale!.dispose();
  model.params.logit_scale = tf.scalar(logitScale);
  const rates: number[] = [];
  const run = {
    dir: join(folder, `run${runs++}`),
    seed: 0,
    resume: false,
    onProgress: (p: { learningRate: number }) => rates.push(p.learningRate),
  };
  const trained = await pretrain(data, bank, model, undefined, { ...OPTIONS, ...options }, run);
  const [end] = trained.logit_scale!.dataSync() as Float32Array;
  tf.dispose(trained);
  model.dispose();
  return { end: end!, rates };
}

describe('the options of a stage', () => {
  it("epoch-cosine is the authors' schedule, with epochs of whole batches", async () => {
    // 23 pictures: 2 updates of 8 an epoch; 8 updates are 4 epochs, 4 of warm-up 2.
    const { rates } = await stage1({ steps: 8, warmupSteps: 4, schedule: 'epoch-cosine', minLearningRate: 1e-3 });
    const half = 1e-6 + (0.01 - 1e-6) / 2;
    const late = 1e-3 + 0.5 * (0.01 - 1e-3) * (1 + Math.cos((Math.PI * 2) / 4));
    [1e-6, 1e-6, 1e-6, 1e-6, half, half, late, late].forEach((rate, t) => {
      expect(rates[t], `update ${t}`).toBeCloseTo(rate, 12);
    });
    const usual = await stage1({ steps: 8, warmupSteps: 4 });
    expect(usual.rates).toEqual((await stage1({ steps: 8, warmupSteps: 4, schedule: 'cosine' })).rates);
    expect(usual.rates[0]).toBeCloseTo(0.01 / 4, 12);
    await expect(stage1({ schedule: 'steps' as 'cosine' })).rejects.toThrow(
      /schedule is 'steps'; expected cosine or epoch-cosine/,
    );
  });

  it('decayScalars takes weight decay to the logit scale', async () => {
    const spared = await stage1({});
    const decayed = await stage1({ decayScalars: true });
    expect(spared.end - decayed.end).toBeCloseTo(0.01 * 0.5 * 3, 5);
  });

  it.each([
    [{ capture: 'on' }, /capture on was asked for, but no update can be captured here/],
    [{ precision: 'bf16' }, /precision bf16 was asked for, but no update/],
    [{ xla: true, capture: 'off' }, /xla was asked for, but capture is off/],
  ] as [Partial<PretrainOptions>, RegExp][])('%o is refused where nothing is captured', async (options, message) => {
    const model = tinyClip(data);
    const before = tf.memory().numTensors;
    const refused = pretrain(
      data,
      bank,
      model,
      undefined,
      { ...OPTIONS, ...options },
      { dir: folder, seed: 0, resume: false },
    );
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_CAPTURE' });
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
    expect((await stage1({ capture: 'auto', precision: 'fp32', xla: false })).rates).toHaveLength(1);
  });

  it('freeLogitScale lets it pass ln 100', async () => {
    expect((await stage1({}, 6)).end).toBeCloseTo(Math.log(100), 6);
    expect((await stage1({ freeLogitScale: true }, 6)).end).toBeGreaterThan(5.9);
  });

  it('an option that does not exist is refused by name', async () => {
    const model = tinyClip(data);
    const before = tf.memory().numTensors;
    const refused = (options: Partial<PretrainOptions>, code: string, message: RegExp) =>
      expect(
        pretrain(data, bank, model, undefined, { ...OPTIONS, ...options }, { dir: folder, seed: 0, resume: false }),
      ).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await refused({ capture: 'always' as never }, 'ERR_ARGUMENT', /capture is 'always'; expected auto, on or off/);
    await refused({ precision: 'fp8' as never }, 'ERR_ARGUMENT', /precision is 'fp8'/);
    await refused({ schedule: 'linear' as never }, 'ERR_ARGUMENT', /schedule is 'linear'/);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});
