import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LoadedClip } from '../../clip/checkpoint/index.js';
import { modelFileIn } from '../../clip/checkpoint/modelFiles.js';
import type { LongTailData } from '../../data/types.js';
import { VlltrError } from '../../errors.js';
import { isFolder } from '../../files/folder.js';
import type { PaperPreset } from '../../presets/paper/index.js';
import { tf } from '../../runtime/tf.js';
import { anchorInfo, fileDigest, loadAnchors } from '../../stages/anchorFile.js';
import type { Anchors } from '../../stages/head.js';
import type { AnchorOptions } from '../../stages/options.js';
import { anchorOptions } from '../anchorFlags.js';
import { say } from '../terminal.js';
import type { FinetuneCommand } from './finetuneSettings.js';
import { makeAnchors } from './makeAnchors.js';
import { checkClasses } from './models.js';
import { storedConfig } from './storedRun.js';

type Start = LoadedClip & { path: string };

/** Where the anchors come from: the stage-1 run's own where they fit and nothing else was asked for, else made anew. */
export interface AnchorPlan {
  file?: string;
  digest?: string;
  options: AnchorOptions;
}

/** The stage-1 run that is continued, where --from is a folder. */
export function stage1Folder({ from }: FinetuneCommand): string | undefined {
  return from !== undefined && isFolder(from) ? resolve(from) : undefined;
}

/**
 * Decides it; nothing is loaded. A run that chose anchors of its own and is resumed keeps to them, whatever stage 1 has by now.
 */
export async function planAnchors(data: string, flags: FinetuneCommand, preset?: PaperPreset): Promise<AnchorPlan> {
  const options = anchorOptions(data, flags, preset);
  const asked = flags.anchors ?? flags.choice ?? flags.split ?? flags.imagesPerClass;
  const stage1 = stage1Folder(flags);
  if (stage1 === undefined || asked !== undefined) return { options };
  const begun = flags.resume ? (await storedConfig(flags.run))?.anchors : undefined;
  if (begun !== undefined && (begun as AnchorPlan).file === undefined) return { options };
  const file = join(stage1, 'anchors.safetensors');
  const model = modelFileIn(stage1);
  if (!existsSync(file) || model === undefined) return { options };
  const info = await anchorInfo(file);
  if (info.model !== (await fileDigest(model))) {
    say(`${file} was made with an earlier model of this run; choosing anchors anew`);
    return { options };
  }
  return { file, digest: await fileDigest(file), options: info.options };
}

/** The anchors that a run chose before it was broken off; undefined where they are not whole, or not those of the plan. */
async function chosenBefore(
  file: string,
  { options }: AnchorPlan,
  { classes }: LongTailData,
  start: Start,
  seed: number,
): Promise<Anchors | undefined> {
  if (!existsSync(file)) return undefined;
  const found = await loadAnchors(file).catch((error: unknown) => {
    if (error instanceof VlltrError) return undefined;
    throw error;
  });
  if (!found) return undefined;
  const { anchors, info } = found;
  const wanted = [classes, options, seed, await fileDigest(start.path)];
  if (JSON.stringify([info.classes, info.options, info.seed, info.model]) === JSON.stringify(wanted)) return anchors;
  tf.dispose(anchors.embeddings);
  return undefined;
}

/** Reads the anchors or makes them; a resumed run reads those that it made, which takes long with many sentences. */
export async function anchorsFor(
  plan: AnchorPlan,
  data: LongTailData,
  start: Start,
  flags: FinetuneCommand,
): Promise<Anchors> {
  if (plan.file !== undefined) {
    const { anchors, info } = await loadAnchors(plan.file);
    checkClasses(info.classes, data, plan.file);
    say(`anchors: ${plan.file}`);
    return anchors;
  }
  const file = join(flags.run, 'anchors.safetensors');
  const before = flags.resume ? await chosenBefore(file, plan, data, start, flags.seed) : undefined;
  const anchors = before ?? (await makeAnchors(file, data, start, plan.options, flags.seed)).anchors;
  say(`anchors: ${file} (${plan.options.choice}, at most ${plan.options.anchors} a class)`);
  return anchors;
}
