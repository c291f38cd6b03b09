import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subset } from '../../data/subset.js';
import type { LongTailData } from '../../data/types.js';
import { random } from '../../random.js';
import { tf } from '../../runtime/tf.js';
import { trainBaseline } from '../../stages/baseline.js';
import { finetune } from '../../stages/finetune.js';
import type { BaselineOptions, FinetuneOptions, PretrainOptions, StageRun } from '../../stages/options.js';
import { pretrain } from '../../stages/pretrain.js';
import { TextBank } from '../../stages/textBank.js';
import { holdOutFor, openClip, openTeacher } from './models.js';
import { openData } from './openData.js';
import type { Planned } from './plan.js';

type Options = PretrainOptions | FinetuneOptions | BaselineOptions;

/** What was measured on this machine. */
export interface Measured {
  /** Pictures of the updates that were run, and how many at a time. */
  batch: number;
  microBatch: number;
  /** Seconds of one of them, and, in proportion to the pictures, of the training's own. */
  seconds: number;
  update: number;
  /** Most memory of this process so far, in bytes; that of a card is not in it. */
  peak: number;
}

/** Updates run: the first makes the step, which later ones do not. */
const UPDATES = 3;
/** Pictures and sentences a class that stage 1 is measured with: enough for batches of usual texts. */
const PICTURES = 64;
const SENTENCES = 4;
const SIDE = 1024;

class Enough extends Error {}

/** Seconds of an update: a real training, stopped. */
async function timed(train: (run: StageRun) => Promise<unknown>): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'vl-ltr-measure-'));
  const times: number[] = [];
  const onProgress: StageRun['onProgress'] = ({ name }) => {
    if (name === 'teacher text') return;
    times.push(performance.now());
    if (times.length === UPDATES) throw new Enough();
  };
  try {
    // With more prepared ahead the first update, which takes longest, would have prepared all that are timed.
    await train({ dir, seed: 0, resume: false, ahead: 1, onProgress });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  const each = times.slice(1).map((t, i) => (t - times[i]!) / 1000);
  return each.sort((a, b) => a - b)[each.length >> 1]!;
}

/** Some of the training pictures, of every class in turn, with a few sentences of their classes. */
function sample(data: LongTailData): LongTailData {
  const { train } = data;
  const step = Math.max(1, train.length / PICTURES);
  const chosen = Array.from({ length: Math.min(PICTURES, train.length) }, (_, k) => Math.floor(k * step));
  const known = [...new Set(chosen.map((i) => train.labels[i]!))];
  const images = { ...subset(train, chosen), labels: Int32Array.from(chosen, (i) => known.indexOf(train.labels[i]!)) };
  const some = (list: string[]): string[] => {
    const draw = random(0, 'measure', list.length);
    return Array.from({ length: Math.min(SENTENCES, list.length) }, () => list[draw.int(list.length)]!);
  };
  return {
    name: data.name,
    classes: known.map((c) => data.classes[c]!),
    sentences: known.map((c) => some(data.sentences[c]!)),
    train: images,
    shots: data.shots,
  };
}

/**
 * Runs a few real updates of a training, its pictures decoded and augmented, with at most two parts of its batch: what a
 * whole one takes is in proportion, a little less in truth, since the optimiser steps once an update.
 */
export async function measure(planned: Planned, options: Options): Promise<Measured> {
  const { stage, data: name, how, from, resolution, anchors = 0 } = planned;
  const { batch: whole, microBatch = whole } = options;
  const batch = Math.min(whole, 2 * microBatch);
  const few = {
    ...options,
    batch,
    microBatch,
    steps: 1000,
    warmupSteps: 0,
    schedule: 'cosine' as const,
    checkpointEvery: 1000,
    evaluateEvery: 0,
  };
  const start = await openClip(from, resolution);
  const data = await openData(name, start.config.visual.imageSize, holdOutFor(start, planned.holdOut), how);
  const teacher = stage === 'pretrain' ? await openTeacher(planned.teacher, start, resolution) : start;
  const seconds = await timed(async (run) => {
    if (stage === 'pretrain') {
      const small = sample(data);
      const bank = new TextBank(small.sentences, start.config.text.contextLength);
      return pretrain(small, bank, start, teacher, few as PretrainOptions, run);
    }
    if (stage === 'baseline') return trainBaseline(data, start, few as BaselineOptions, run);
    const shape: [number, number, number] = [data.classes.length, anchors, start.config.embedDim];
    const counts = data.classes.map(() => anchors);
    const embeddings = tf.randomNormal(shape) as tf.Tensor3D;
    try {
      return await finetune(data, start, { embeddings, counts, sentences: [] }, few as FinetuneOptions, run);
    } finally {
      embeddings.dispose();
    }
  });
  tf.dispose([start.params, teacher.params]);
  const peak = process.resourceUsage().maxRSS * 1024;
  return { batch, microBatch: Math.min(microBatch, batch), seconds, update: (seconds * whole) / batch, peak };
}

/** Floating-point operations a second that a product of 1,024³ reaches here: more than any training does. */
export function productRate(): number {
  const [a, b] = [tf.randomNormal([SIDE, SIDE]), tf.randomNormal([SIDE, SIDE])];
  const once = (): number => {
    const began = performance.now();
    tf.tidy(() => tf.matMul(a, b).sum().dataSync());
    return (performance.now() - began) / 1000;
  };
  const best = Math.min(...Array.from({ length: 5 }, once));
  tf.dispose([a, b]);
  return (2 * SIDE ** 3) / best;
}
