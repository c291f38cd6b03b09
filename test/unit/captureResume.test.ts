import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { buildAnchors } from '../../lib/stages/anchors.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { finetune } from '../../lib/stages/finetune.js';
import type { StageRun } from '../../lib/stages/options.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { onTensorFlow } from '../support/tensorflow.js';
import { colourData, TINY_CLASSIFIER, TINY_TRAINING, tinyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-captured-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = 7;
const RHYTHM = {
  steps: STEPS,
  batch: 6,
  warmupSteps: 1,
  checkpointEvery: 1,
  evaluateEvery: 0,
  capture: 'on',
} as const;
const CLASSIFIER = { ...TINY_CLASSIFIER, ...RHYTHM } as const;

const plain = colourData();
// Sentences of several lengths: batches of several shapes, each a function of its own.
const words = (count: number): string => new Array(count).fill('red').join(' ');
const data = { ...plain, sentences: plain.sentences.map((list, c) => [...list, words(3 * c + 1)]) };
const bank = new TextBank(data.sentences, 16);

const values = (params: TensorMap): Record<string, number[]> =>
  Object.fromEntries(Object.entries(params).map(([name, t]) => [name, [...t.dataSync()]]));

// A function is recorded at the first update after each interruption: were that update computed op by op, its last bits
// would be oneDNN's other ones.
onTensorFlow(
  'a captured stage, broken off after any update and resumed, gives the very parameters of an unbroken run',
  () => {
    it.each(['pretrain', 'finetune', 'baseline'] as const)('%s', async (name) => {
      const [model, teacher] = [tinyClip(data), tinyClip(data, {}, 2)];
      const choice = { anchors: 2, choice: 'random', imagesPerClass: 5, split: 'train' } as const;
      const anchors = await buildAnchors(data, bank, model, choice, 0);
      const stage = (run: Omit<StageRun, 'seed'>): Promise<TensorMap> => {
        const keyed = { ...run, seed: 5 };
        if (name === 'pretrain')
          return pretrain(data, bank, model, teacher, { ...TINY_TRAINING, ...RHYTHM, distillWeight: 0.5 }, keyed);
        if (name === 'baseline') return trainBaseline(data, model, { ...CLASSIFIER, head: 'linear' }, keyed);
        return finetune(data, model, anchors, { ...CLASSIFIER, attentionRate: 0.5, detachNorm: false }, keyed);
      };
      const whole = values(await stage({ dir: join(folder, `${name}-whole`), resume: false }));
      const dir = join(folder, `${name}-broken`);
      for (let at = 1; at < STEPS; at += 2) {
        const onProgress = ({ step }: { step: number }) => {
          if (step === at) throw new Error('the power failed');
        };
        await expect(stage({ dir, resume: at > 1, onProgress })).rejects.toThrow('the power failed');
      }
      const steps: number[] = [];
      const resumed = await stage({ dir, resume: true, onProgress: ({ step }) => steps.push(step) });
      expect(steps[0]).toBe(STEPS - 1);
      expect(values(resumed)).toEqual(whole);
      tf.dispose(anchors.embeddings);
      model.dispose();
      teacher.dispose();
    });
  },
);
