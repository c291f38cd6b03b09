import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { saveClip } from '../../clip/checkpoint/index.js';
import type { ClipConfig } from '../../clip/config.js';
import { compactVocabulary } from '../../clip/vocabulary.js';
import { openWebPairs } from '../../data/iconLt/index.js';
import { teacherNotice, webLicences } from '../../data/iconLt/licences.js';
import { findIcons } from '../../data/iconLt/sets.js';
import type { LongTailData } from '../../data/types.js';
import { writeJson } from '../../files/atomic.js';
import { TEACHER_OPTIONS, TEACHER_VOCABULARY, teacherConfig } from '../../presets/iconLt.js';
import { ready } from '../../runtime/ready.js';
import { type TensorMap, tf } from '../../runtime/tf.js';
import { topOne } from '../../stages/accuracy.js';
import { trainClip } from '../../stages/clip.js';
import type { ScheduleKind } from '../../stages/options.js';
import { TextBank } from '../../stages/textBank.js';
import { zeroShot } from '../../stages/zeroShot.js';
import { type CaptureFlags, withCaptureFlags } from '../captureFlags.js';
import type { RunOptions } from '../options.js';
import { lazyBar, print, say } from '../terminal.js';
import { type ContrastiveFlags, withContrastiveFlags } from '../trainFlags.js';
import { printSettings } from './dryRun.js';
import { openData } from './openData.js';
import { stageRun } from './progress.js';
import { beginRun, refuseOccupied } from './runFolder.js';
import { told } from './told.js';

/** The options of the command line. */
export interface ClipCommand extends RunOptions, ContrastiveFlags, CaptureFlags {
  steps: number;
  batch: number;
  lr: number;
  schedule?: ScheduleKind;
  out?: string;
  licences?: boolean;
}

/** Zero-shot accuracy on the validation pictures of Icon-LT, whose design teams the small CLIP never sees. */
function zeroShotProbe(config: ClipConfig, data: LongTailData): (params: TensorMap) => Promise<Record<string, number>> {
  const bank = new TextBank(data.sentences, config.text.contextLength);
  const val = data.val!;
  return async (params) => ({ zeroShot: topOne(await zeroShot({ config, params }, bank, val), val.labels) });
}

/** Runs `vl-ltr clip`. */
export async function run(given: ClipCommand, command: Command): Promise<void> {
  if (given.licences) {
    const groups = webLicences(findIcons());
    return print(given.json ? groups : teacherNotice(groups).trimEnd());
  }
  const { flags: options, said } = await told(command, undefined, given);
  const training = {
    ...withCaptureFlags(withContrastiveFlags(TEACHER_OPTIONS, options), options),
    schedule: options.schedule ?? TEACHER_OPTIONS.schedule,
    steps: options.steps,
    batch: options.batch,
    learningRate: options.lr,
    warmupSteps: Math.min(TEACHER_OPTIONS.warmupSteps, Math.floor(options.steps / 10)),
  };
  const out = resolve(options.out ?? join(options.run, 'model.safetensors'));
  const configuration = { config: teacherConfig([]), options: training, out };
  const { run: folder, seed } = options;
  if (options.dryRun) return printSettings({ command: 'clip', run: folder, seed, ...configuration }, options.json);
  await refuseOccupied(options, 'clip');
  await ready();
  await beginRun(options, 'clip', configuration, said);
  const drawing = lazyBar();
  const pairs = await openWebPairs({ onProgress: drawing.onProgress });
  drawing.end();
  const data = await openData('icon-lt', teacherConfig([]).visual.imageSize);
  const vocabulary = compactVocabulary(pairs.captions.flat(), TEACHER_VOCABULARY);
  const config = teacherConfig(vocabulary);
  say(`${pairs.images.length} pictures, ${vocabulary.length} tokens of their own`);
  const run = stageRun(options);
  const probe = zeroShotProbe(config, data);
  let params: TensorMap;
  try {
    params = await trainClip(config, pairs, training, run, async (now) => {
      const measured = await probe(now);
      say(`zero-shot on the validation pictures of ${data.name}: ${measured.zeroShot!.toFixed(1)} %`);
      return measured;
    });
  } finally {
    run.end();
  }
  const accuracy = (await probe(params)).zeroShot!;
  await saveClip(out, config, params, { dtype: 'F16', metadata: { zeroShot: accuracy.toFixed(2) } });
  tf.dispose(params);
  say(`${out}: zero-shot ${accuracy.toFixed(1)} %`);
  const summary = { stage: 'clip', out, zeroShot: accuracy };
  await writeJson(join(options.run, 'summary.json'), summary);
  if (options.json) print(summary);
}
