import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { clipArchitecture } from '../../clip/checkpoint/index.js';
import { type ClipConfig, clipConfig } from '../../clip/config.js';
import { parameterSpecs } from '../../clip/parameters.js';
import { checkData, type DataReport } from '../../data/checkData.js';
import { defaultWorkers } from '../../data/loader/pool.js';
import { promptTemplates } from '../../data/prompts.js';
import { inspectSafetensors } from '../../files/safetensors.js';
import type { Difference, PaperPreset } from '../../presets/paper/index.js';
import { shippedTeacher } from '../../presets/teacher.js';
import { probeCards } from '../../runtime/cards.js';
import { gpuPresent, memory as machineMemory } from '../../runtime/hardware.js';
import { classifierFlops, type Plan, pretrainFlops, type Sizes } from '../../stages/cost.js';
import { inUpdates, type Settings, updatesPerEpoch } from '../../stages/epochs.js';
import { choosingMemory, type Memory, onCard, total, trainingMemory } from '../../stages/memory.js';
import type { AnchorChoice, BaselineOptions, FinetuneOptions, PretrainOptions } from '../../stages/options.js';
import type { DataFlags } from '../dataFlags.js';
import { clipPath } from './modelPath.js';
import { holdOutFor } from './models.js';
import { presetNotes } from './presetNotes.js';
import { whatBegins } from './weights.js';

type Options = PretrainOptions | FinetuneOptions | BaselineOptions;

/** A training that is to be planned. */
export interface Planned {
  stage: 'pretrain' | 'finetune' | 'baseline';
  data: string;
  how: DataFlags;
  /** Default: what the model that it begins with was trained without. */
  holdOut?: number;
  settings: Settings<Options>;
  preset?: PaperPreset;
  /** Run folder or file that it begins with. */
  from?: string;
  /** Stage 1: another model to distil from. */
  teacher?: string;
  resolution?: number;
  /** Anchors a class; stage 2 alone. */
  anchors?: number;
  /** How they are to be chosen first; absent where they are there. */
  choosing?: AnchorChoice;
}

/** What a training will do and take; sizes in bytes. */
export interface TrainingPlan {
  /** Nothing stops it. */
  ready: boolean;
  data: Pick<DataReport, 'format' | 'pictures'> & {
    classes: number;
    /** Of all classes, their prompts counted whole (the authors' way of splitting makes more of some). */
    sentences: number;
    /** Share of train that validates. */
    holdOut: number;
    findings: string[];
  };
  weights: { file: string | null; architecture: ClipConfig['visual']; missing?: string };
  /** Where it is not the preset's run: by design, and by these data and weights. */
  differs?: { released: readonly Difference[]; here: string[] };
  updates: {
    steps: number;
    perEpoch: number;
    epochs: number;
    /** Pictures of an update, whatever is held at a time. */
    effectiveBatch: number;
    microBatch: number;
    parts: number;
    /** Views of pictures in all. */
    views: number;
  };
  memory: Memory & {
    /** Stage 2: what choosing anchors takes before it trains; absent where they are there. */
    choosing?: number;
    /** The most that is taken at a time. */
    total: number;
    /** What of it lies on a card, where there is one. */
    onCard: number;
    machine: number;
    cards: { name: string; memory: number }[];
  };
  /** Floating-point operations. */
  compute: { update: number; all: number };
}

function sizesOf(config: ClipConfig): Sizes {
  const sizes = { visual: 0, text: 0 };
  for (const { name, shape } of parameterSpecs(config))
    sizes[name.startsWith('visual.') ? 'visual' : 'text'] += shape.reduce((a, b) => a * b, 1);
  return sizes;
}

async function weightsOf({
  stage,
  from,
  teacher,
  preset,
  resolution,
  holdOut,
}: Planned): Promise<TrainingPlan['weights'] & { config: ClipConfig; heldOut: number }> {
  const untaught = teacher !== undefined && !existsSync(teacher) && `the teacher ${teacher} does not exist`;
  const path = from ?? (preset ? undefined : shippedTeacher());
  if (path !== undefined && existsSync(path)) {
    const file = clipPath(path);
    const config = await clipArchitecture(file, { resolution });
    const { metadata } = file.endsWith('.safetensors') ? await inspectSafetensors(file) : { metadata: {} };
    const heldOut = holdOutFor({ metadata, path: file }, holdOut);
    return {
      file: resolve(file),
      architecture: config.visual,
      ...(untaught && { missing: untaught }),
      config,
      heldOut,
    };
  }
  const config = clipConfig(preset?.weights.architecture ?? 'RN50');
  if (resolution !== undefined) config.visual.imageSize = resolution;
  const what = path === undefined ? 'no --from' : `${path} does not exist`;
  const missing = preset ? `${what}: ${whatBegins(preset, stage === 'pretrain')}` : what;
  return { file: null, architecture: config.visual, missing, config, heldOut: holdOut ?? 0 };
}

/** Bytes of a teacher that is not what the training begins with. */
async function teacherBytes({ stage, teacher }: Planned): Promise<number> {
  if (stage !== 'pretrain' || teacher === undefined || !existsSync(teacher)) return 0;
  const { visual, text } = sizesOf(await clipArchitecture(clipPath(teacher)));
  return 4 * (visual + text);
}

function headSize(stage: Planned['stage'], options: Options, dim: number, classes: number): number {
  const mlp = dim * 4 * dim + 4 * dim + 4 * dim * classes + classes;
  if (stage === 'finetune') return mlp + 2 * dim * dim + 4 * dim;
  if (stage === 'pretrain') return 0;
  return (options as BaselineOptions).head === 'mlp' ? mlp : dim * classes + classes;
}

/** Looks through data and weights and adds up what a training takes. Nothing is computed and no picture opened. */
export async function planTraining(planned: Planned): Promise<{ plan: TrainingPlan; options: Options }> {
  const { stage, data, how, settings, preset, anchors = 0, choosing: choice } = planned;
  const { config, heldOut: holdOut, ...weights } = await weightsOf(planned);
  const report = await checkData(data, { ...how, holdOut, decode: false });
  const pictures = report.pictures.train ?? 0;
  const options = inUpdates<Options>(settings, pictures);
  const { batch, microBatch = batch, steps } = options;
  const classes = report.classes.length;
  const sentences = report.classes.reduce((n, c) => n + c.sentences + promptTemplates.length, 0);
  const held = Math.min(microBatch, batch);
  const pretrains = stage === 'pretrain';
  const encoderTrained = pretrains || (options as FinetuneOptions).encoderRate > 0;
  const sizes: Plan = { config, sizes: sizesOf(config), batch, microBatch, classes };
  const update = pretrains
    ? pretrainFlops(sizes, (options as PretrainOptions).distillWeight > 0)
    : classifierFlops(sizes, anchors, encoderTrained);
  const memory = trainingMemory(
    sizes,
    { visual: encoderTrained, text: pretrains, head: headSize(stage, options, config.embedDim, classes) },
    {
      workers: how.workers ?? defaultWorkers(),
      sentences: pretrains ? sentences : 0,
      anchors,
    },
  );
  memory.parameters += await teacherBytes(planned);
  const choosing = choice && choosingMemory(sizes, sentences, choice === 'anss');
  const perEpoch = updatesPerEpoch(pictures, batch);
  const counted = { classes, pictures: report.pictures };
  const visual = weights.file === null ? undefined : config.visual;
  const begins = (pretrains && weights.file) || undefined;
  const plan: TrainingPlan = {
    ready: report.ok && weights.missing === undefined,
    data: {
      format: report.format,
      pictures: report.pictures,
      classes,
      sentences,
      holdOut,
      findings: report.findings.map(({ severity, message, items }) => {
        const shown = items.length > 0 ? ` (${items.slice(0, 3).join('; ')}${items.length > 3 ? '; …' : ''})` : '';
        return `${severity}: ${message}${shown}`;
      }),
    },
    weights,
    ...(preset && { differs: { released: preset.differs, here: await presetNotes(preset, counted, visual, begins) } }),
    updates: {
      steps,
      perEpoch,
      epochs: Number((steps / perEpoch).toFixed(2)),
      effectiveBatch: batch,
      microBatch: held,
      parts: Math.ceil(batch / held),
      views: steps * batch,
    },
    memory: {
      ...memory,
      ...(choosing !== undefined && { choosing }),
      total: Math.max(total(memory), choosing ?? 0),
      onCard: onCard(memory, anchors > 0),
      machine: machineMemory(),
      cards: gpuPresent() ? probeCards().cards.map(({ name, memory }) => ({ name, memory })) : [],
    },
    compute: { update, all: update * steps },
  };
  return { plan, options };
}
