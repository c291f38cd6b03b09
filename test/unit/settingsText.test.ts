import { describe, expect, it } from 'vitest';
import { settingsText } from '../../lib/cli/actions/settingsText.js';

const text = (configuration: Record<string, unknown>) => settingsText(configuration).join('\n');

describe('a configuration as people read it', () => {
  it('has every setting, as --set takes it', () => {
    const augment = { preset: 'imagenet', scale: [0.2, 1], randAugment: {}, erase: false };
    const options = { steps: 7, microBatch: null, epochs: undefined, augment };
    expect(text({ run: 'runs/s1', options })).toBe(
      [
        'run       runs/s1',
        'options   steps=7  microBatch=none  augment.preset=imagenet  augment.scale=0.2,1',
        '          augment.randAugment=true  augment.erase=false',
      ].join('\n'),
    );
  });

  it('has the stages of a demo one by one, and one line for what is named', () => {
    const recipe = {
      anchors: { anchors: 8 },
      pretrain: { steps: 9, augment: { preset: 'icon', randAugment: { magnitude: 9 } } },
    };
    expect(text({ seeds: 2, how: undefined, config: { vocabulary: [] }, recipe })).toBe(
      [
        'seeds     2',
        'config    vocabulary=none',
        'anchors   anchors=8',
        'pretrain  steps=9  augment.preset=icon  augment.randAugment.magnitude=9',
      ].join('\n'),
    );
  });
});
