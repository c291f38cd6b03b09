import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { encodeImage, encodeText, isTrainable } from '../../lib/clip/model.js';
import { ready } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { expectNear } from '../support/compare.js';
import { hashed } from '../support/hashed.js';
import { hashedParams } from '../support/hashedClip.js';

const reference = JSON.parse(readFileSync(new URL('../reference/clip.json', import.meta.url), 'utf8'));

/** Why the addon's ops cannot be had inside TensorFlow, if they cannot. */
const lacking = await ready({ backend: 'tensorflow', kernels: 'tensorflow' }).then(
  () => undefined,
  (error: Error) => error.message,
);

describe.skipIf(lacking)(
  lacking ? `encoders on native kernels, skipped: ${lacking}` : 'encoders on native kernels',
  () => {
    const { config } = reference.visual.vit as { config: ClipConfig };
    const size = config.visual.imageSize;

    it.each(['vit', 'text'] as const)('give PyTorch’s features and gradients: %s', (kind) => {
      const wanted = kind === 'vit' ? reference.visual.vit.eval : reference.text;
      tf.tidy(() => {
        const params = hashedParams(config);
        const visual = (name: string) => name.startsWith('visual.');
        const names = Object.keys(params).filter(
          (name) => isTrainable(name) && name !== 'logit_scale' && visual(name) === (kind === 'vit'),
        );
        const encode = (given: TensorMap): tf.Tensor2D => {
          if (kind === 'text') return encodeText(config, given, tf.tensor2d(reference.text.ids, undefined, 'int32'));
          const images = tf.tensor4d(hashed('images', 3 * size * size * 3), [3, size, size, 3]);
          return encodeImage(config, given, images).features;
        };
        expectNear(encode(params), wanted.features, 2e-5);
        const { grads } = tf.valueAndGrads((...inputs: tf.Tensor[]) => {
          const given = { ...params };
          names.forEach((name, i) => {
            given[name] = inputs[i]!;
          });
          const features = encode(given);
          return tf.sum(tf.mul(features, tf.tensor(hashed('cotangent', features.size), features.shape)));
        })(names.map((name) => params[name]!));
        const norms = names.map((name) => wanted.gradients[name][0] as number);
        const found = tf.stack(grads.map((grad) => tf.norm(grad)));
        expectNear(found, norms, 1e-4);
        expect(names.length).toBeGreaterThan(20);
      });
    });
  },
);
