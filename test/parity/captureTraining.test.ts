// Without oneDNN a function computes to the bit what its ops do one by one. TensorFlow reads this once, when it is
// loaded: before what is imported below.
process.env.TF_ENABLE_ONEDNN_OPTS = '0';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const { tf } = await import('../../lib/runtime/tf.js');
const { buildAnchors } = await import('../../lib/stages/anchors.js');
const { trainBaseline } = await import('../../lib/stages/baseline.js');
const { finetune } = await import('../../lib/stages/finetune.js');
const { pretrain } = await import('../../lib/stages/pretrain.js');
const { TextBank } = await import('../../lib/stages/textBank.js');
const { readMetrics } = await import('../../lib/training/metrics.js');
const { onTensorFlow } = await import('../support/tensorflow.js');
const { colourData, TINY_CLASSIFIER, TINY_TRAINING, tinyClip } = await import('../support/tinyClip.js');

type TensorMap = import('../../lib/runtime/tf.js').TensorMap;
type StageRun = import('../../lib/stages/options.js').StageRun;

const folder = mkdtempSync(join(tmpdir(), 'vlltr-200-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = 200;
const RHYTHM = {
  steps: STEPS,
  batch: 8,
  warmupSteps: 10,
  checkpointEvery: 0,
  evaluateEvery: 100,
} as const;
const CLASSIFIER = { ...TINY_CLASSIFIER, ...RHYTHM } as const;

const data = colourData();
const bank = new TextBank(data.sentences, 16);

/** Runs a stage op by op and captured: parameters and everything recorded on the way. */
async function bothWays(name: string, stage: (capture: 'on' | 'off', run: StageRun) => Promise<TensorMap>) {
  const found = [];
  for (const capture of ['off', 'on'] as const) {
    const dir = join(folder, `${name}-${capture}`);
    const params = await stage(capture, { dir, seed: 11, resume: false });
    const values = Object.fromEntries(Object.entries(params).map(([key, t]) => [key, [...t.dataSync()]]));
    const metrics = (await readMetrics(dir)).map(({ seconds: _, ...line }) => line);
    found.push({ values, metrics });
  }
  return found as [(typeof found)[0], (typeof found)[0]];
}

onTensorFlow(`${STEPS} captured updates give the parameters and metrics of as many op by op, to the bit`, () => {
  it.each(['pretrain', 'finetune', 'baseline'] as const)('%s', async (name) => {
    const [model, teacher] = [tinyClip(data), tinyClip(data, {}, 2)];
    const choice = { anchors: 2, choice: 'random', imagesPerClass: 5, split: 'train' } as const;
    const anchors = await buildAnchors(data, bank, model, choice, 0);
    const [plain, captured] = await bothWays(name, (capture, run) => {
      if (name === 'pretrain')
        return pretrain(data, bank, model, teacher, { ...TINY_TRAINING, ...RHYTHM, distillWeight: 0.5, capture }, run);
      if (name === 'baseline') return trainBaseline(data, model, { ...CLASSIFIER, head: 'mlp', capture }, run);
      return finetune(data, model, anchors, { ...CLASSIFIER, attentionRate: 0.5, detachNorm: false, capture }, run);
    });
    expect(captured.values).toEqual(plain.values);
    expect(captured.metrics).toEqual(plain.metrics);
    // It did train. (Losses tell little: mixed batches differ more from one another than 200 updates change.)
    expect(captured.metrics.at(-1)!.step).toBe(STEPS);
    const first = [...model.params['visual.conv1.weight']!.dataSync()];
    expect(captured.values['visual.conv1.weight']).not.toEqual(first);
    tf.dispose([anchors.embeddings]);
    model.dispose();
    teacher.dispose();
  });
});
