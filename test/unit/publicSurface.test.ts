import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as vlltr from '../../lib/index.js';

const run = promisify(execFile);

describe('the public surface', () => {
  it('has its fixed names', () => {
    for (const f of [
      vlltr.ready,
      vlltr.ops.classwiseContrastive,
      vlltr.ops.anchorAttention,
      vlltr.stages.selectAnchors,
      vlltr.clip.tokenize,
      vlltr.clip.encode,
      vlltr.clip.create,
    ])
      expect(f).toBeTypeOf('function');
    expect(new vlltr.VlltrError('ERR_DATA', 'x')).toMatchObject({ name: 'VlltrError', code: 'ERR_DATA' });
  });

  it('runs as built JavaScript under plain node, from any folder', async () => {
    const built = new URL('../../dist/lib/index.js', import.meta.url);
    const script = `
      const { ready, tf, ops, clip, stages } = await import(${JSON.stringify(built.href)});
      const { backend, kernels, device } = await ready({ backend: 'cpu' });
      const ids = clip.tokenize('a photo of a cat');
      const model = clip.create(
        {
          embedDim: 8,
          visual: { kind: 'vit', layers: 1, width: 8, heads: 2, patchSize: 4, imageSize: 8 },
          text: { contextLength: 77, vocabSize: 49408, width: 8, heads: 2, layers: 1, vocabulary: [320, 49406, 49407] },
        },
        { seed: 0 },
      );
      const image = tf.tidy(() => ops.l2Normalize(model.encodeImage(tf.zeros([1, 8, 8, 3]))));
      const text = tf.tidy(() => ops.l2Normalize(model.encodeText(ids)));
      const { loss } = ops.classwiseContrastive({ image, text, labels: tf.tensor1d([0], 'int32'), logitScale: 1 });
      const { selected } = stages.selectAnchors({ text, counts: [1], image, labels: [0], logitScale: 1, anchors: 4 });
      console.log(JSON.stringify([backend, kernels !== undefined, device, ids.shape, loss.arraySync(), selected]));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: tmpdir() });
    expect(JSON.parse(stdout)).toEqual(['cpu', true, 'cpu', [1, 77], 0, [[0]]]);
  });
});
