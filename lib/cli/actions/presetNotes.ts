import { CLIP_CONFIGS, type ClipConfig } from '../../clip/config.js';
import { type Counted, publishedDifferences } from '../../data/official.js';
import type { LongTailData } from '../../data/types.js';
import type { PaperPreset } from '../../presets/paper/index.js';
import { say, yellow } from '../terminal.js';

type Visual = ClipConfig['visual'];

const described = (visual: Visual): string =>
  visual.kind === 'resnet'
    ? `a ResNet [${visual.layers.join(', ')}] of width ${visual.width}`
    : `a ViT of ${visual.layers} layers and width ${visual.width}, patches of ${visual.patchSize}`;

/**
 * What keeps a run from being the preset's: data that is not what was published, another architecture, another size of
 * pictures. It runs all the same (a part of the data, a smaller model), so that people must be told.
 * @param visual of the model that the run begins with
 */
export function presetNotes(preset: PaperPreset, counted: Counted, visual: Visual | undefined): string[] {
  const { weights, resolution, data } = preset;
  const released = CLIP_CONFIGS[weights.architecture].visual as Visual;
  const notes = publishedDifferences(data.format, counted);
  if (visual && described(visual) !== described(released))
    notes.push(`${described(visual)}, the preset has ${weights.architecture}: ${described(released)}`);
  if (visual && visual.imageSize !== resolution)
    notes.push(`pictures of ${visual.imageSize} pixels, the preset has ${resolution}`);
  return notes;
}

/** Tells people of them. */
export function sayPresetNotes(preset: PaperPreset, data: LongTailData, visual: Visual): void {
  const { train, val, test, classes } = data;
  const pictures = { train: train.length, ...(val && { val: val.length }), ...(test && { test: test.length }) };
  for (const note of presetNotes(preset, { classes: classes.length, pictures }, visual))
    say(`${yellow('unlike')} preset ${preset.name}: ${note}`);
}
