import type { ClipConfig } from '../../lib/clip/config.js';
import { fromFile } from '../../lib/clip/layout.js';
import { parameterSpecs } from '../../lib/clip/parameters.js';
import type { FileTensors } from '../../lib/files/safetensors.js';
import type { TensorMap } from '../../lib/runtime/tf.js';
import { hashed } from './hashed.js';

/** Small encoders of odd sizes. */
export const sizes: Record<string, ClipConfig['visual']> = {
  resnet: { kind: 'resnet', layers: [1, 2, 1], width: 8, imageSize: 24 },
  vit: { kind: 'vit', layers: 2, width: 24, heads: 3, patchSize: 5, imageSize: 15 },
};
export const text: ClipConfig['text'] = { contextLength: 13, vocabSize: 97, width: 24, heads: 3, layers: 2 };

/** Shape in PyTorch's layout. */
export function fileShape(shape: readonly number[], layout: string): number[] {
  const order = layout === 'conv' ? [3, 2, 0, 1] : layout === 'linear' ? [1, 0] : shape.map((_, i) => i);
  return order.map((axis) => shape[axis]!);
}

/** The parameters of test/reference/clip.py as a checkpoint holds them. */
export function hashedFile(config: ClipConfig): FileTensors {
  const tensors: FileTensors = {};
  for (const { name, shape, layout } of parameterSpecs(config)) {
    const file = fileShape(shape, layout);
    const fan = file.slice(1).reduce((a, b) => a * b, 1);
    const data = hashed(
      name,
      file.reduce((a, b) => a * b, 1),
    ).map((r) => {
      if (name.endsWith('running_var')) return 1 + 0.5 * r;
      if (file.length >= 2) return (1.5 / Math.sqrt(fan)) * r;
      return name.endsWith('.weight') ? 1 + 0.3 * r : 0.2 * r;
    });
    tensors[name] = { shape: file, data };
  }
  return tensors;
}

export const hashedParams = (config: ClipConfig): TensorMap => fromFile(config, hashedFile(config));
