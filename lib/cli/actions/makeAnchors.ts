import type { LoadedClip } from '../../clip/checkpoint/index.js';
import type { LongTailData } from '../../data/types.js';
import { type AnchorInfo, fileDigest, saveAnchors } from '../../stages/anchorFile.js';
import { buildAnchors } from '../../stages/anchors.js';
import type { Anchors } from '../../stages/head.js';
import type { AnchorOptions } from '../../stages/options.js';
import { TextBank } from '../../stages/textBank.js';

/** Chooses anchors with a model and writes them to `path` and, for people, to anchors.json beside it. */
export async function makeAnchors(
  path: string,
  data: LongTailData,
  model: LoadedClip & { path: string },
  options: AnchorOptions,
  seed: number,
): Promise<{ anchors: Anchors; losses: (number | null)[][] }> {
  const bank = new TextBank(data.sentences, model.config.text.contextLength);
  const { losses: all, selected, ...anchors } = await buildAnchors(data, bank, model, options, seed);
  const losses = selected.map((rows, c) => rows.map((row) => all?.[bank.offsets[c]! + row] ?? null));
  const info: AnchorInfo = {
    classes: data.classes,
    sentences: anchors.sentences,
    options,
    seed,
    model: await fileDigest(model.path),
  };
  await saveAnchors(path, anchors, info, losses);
  return { anchors, losses };
}
