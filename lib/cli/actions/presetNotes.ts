import { CLIP_CONFIGS, type ClipConfig } from '../../clip/config.js';
import { type Counted, publishedDifferences } from '../../data/official.js';
import type { LongTailData } from '../../data/types.js';
import { sha256File } from '../../files/sha256.js';
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
 * @param file stage 1: the weights that it begins with; stage 2 begins with what that made
 */
export async function presetNotes(
  preset: PaperPreset,
  counted: Counted,
  visual: Visual | undefined,
  file?: string,
): Promise<string[]> {
  const { weights, resolution, data } = preset;
  const released = CLIP_CONFIGS[weights.architecture].visual as Visual;
  const notes = publishedDifferences(data.format, counted);
  if (visual && described(visual) !== described(released))
    notes.push(`${described(visual)}, the preset has ${weights.architecture}: ${described(released)}`);
  if (visual && visual.imageSize !== resolution)
    notes.push(`pictures of ${visual.imageSize} pixels, the preset has ${resolution}`);
  const other = file === undefined ? undefined : await weightsNote(preset, file);
  return other === undefined ? notes : [...notes, other];
}

/**
 * Where the weights that stage 1 begins with are not the published file, bit for bit: others of the same shape would go
 * unnoticed. The same numbers in another kind of file are another file, too.
 */
export async function weightsNote({ weights }: PaperPreset, path: string): Promise<string | undefined> {
  const found = await sha256File(path);
  if (found === weights.sha256) return undefined;
  return `weights ${path} (SHA-256 ${found}), the preset has ${weights.file} (SHA-256 ${weights.sha256})`;
}

/** Tells people of them. */
export async function sayPresetNotes(
  preset: PaperPreset,
  data: LongTailData,
  visual: Visual,
  file?: string,
): Promise<void> {
  const { train, val, test, classes } = data;
  const pictures = { train: train.length, ...(val && { val: val.length }), ...(test && { test: test.length }) };
  for (const note of await presetNotes(preset, { classes: classes.length, pictures }, visual, file))
    say(`${yellow('unlike')} preset ${preset.name}: ${note}`);
}
