import { expect, it } from 'vitest';
import { clipConfig } from '../../lib/clip/config.js';
import { classifierFlops, imageCost, type Plan, pretrainFlops, textCost } from '../../lib/stages/cost.js';

const GIGA = 1e9;

it('operations are those that are published for CLIP: two for each multiply-add', () => {
  // 17.58 and 2.98 thousand million multiply-adds.
  expect(imageCost(clipConfig('ViT-B/16')).flops / 2 / GIGA).toBeCloseTo(17.58, 1);
  expect(textCost(clipConfig('ViT-B/16')).flops / 2 / GIGA).toBeCloseTo(2.98, 2);
  // A plain ResNet-50 has 4.1; this one strides later and has two more convolutions at the front.
  const resnet = imageCost(clipConfig('RN50')).flops / 2 / GIGA;
  expect(resnet).toBeGreaterThan(5);
  expect(resnet).toBeLessThan(6.5);
});

it('a smaller text costs less, a larger picture more than its area', () => {
  const config = clipConfig('ViT-B/16');
  expect(textCost(config, 20).flops).toBeLessThan((20 / 77) * textCost(config).flops);
  const before = imageCost(config);
  config.visual.imageSize = 448;
  expect(imageCost(config).flops).toBeGreaterThan(4 * before.flops);
  expect(imageCost(config).activations).toBeGreaterThan(4 * before.activations);
});

it('an update in parts goes forward once more; a frozen encoder goes forward alone', () => {
  const config = clipConfig('RN50');
  const plan: Plan = { config, sizes: { visual: 0, text: 0 }, batch: 64, classes: 10 };
  const parts = { ...plan, microBatch: 16 };
  const once = 64 * (imageCost(config).flops + textCost(config).flops);
  expect(pretrainFlops(parts, false) - pretrainFlops(plan, false)).toBeCloseTo(once, -6);
  expect(pretrainFlops(plan, true) - pretrainFlops(plan, false)).toBeGreaterThan(64 * imageCost(config).flops);
  const frozen = classifierFlops(plan, 64, false);
  expect(classifierFlops(parts, 64, false)).toBe(frozen);
  expect(classifierFlops(plan, 64, true) - frozen).toBeCloseTo(2 * 64 * imageCost(config).flops, -6);
});
