import { keptScores } from '../ops/kept.js';
import { imageCost, type Plan, textCost } from './cost.js';
import { batchesAhead } from './run.js';
import { CACHED_FROM } from './sentenceFeatures.js';

/** Memory of a training by what takes it, in bytes. */
export interface Memory {
  /** Node, TensorFlow and this package before anything is loaded. */
  runtime: number;
  /** The model as it was loaded (stage 1: the frozen teacher, too), packed, and what is not trained. */
  parameters: number;
  /** AdamW's two moments, a gradient, and the next parameters and moments beside the old ones. */
  optimiser: number;
  /** What the forward pass of a micro-batch leaves for its gradient, and as much again of what comes and goes; kept scores. */
  activations: number;
  /** Views of the batch that trains and of those prepared ahead of it, as tensors. */
  views: number;
  /** Threads that decode pictures, each with what it has in hand, and the batch of views that they make. */
  workers: number;
  /** Sentences' tokens and features (stage 1), or the anchors, the table made of them, and its Gram matrices (stage 2). */
  texts: number;
}

export const total = (memory: Memory): number => Object.values(memory).reduce((a, b) => a + b, 0);

/** What of it lies on a card where the training runs on one: all views, of the texts the anchors. */
export const onCard = ({ parameters, optimiser, activations, views, texts }: Memory, anchors: boolean): number =>
  parameters + optimiser + activations + views + (anchors ? texts : 0);

const FLOAT = 4;
const RUNTIME = 450 * 2 ** 20;
/** What comes and goes beside the activations that stay: gradients of activations, copies in the libraries' own layouts. */
const TRANSIENT = 2;
/** Bytes of a thread that decodes: Node's own, and some photographs of usual size. */
const WORKER = 64 * 2 ** 20;

/** What of a training's data takes memory. */
export interface Data {
  /** Threads that decode pictures. */
  workers: number;
  /** Sentences of all classes; 0 where none are used. */
  sentences: number;
  /** Anchors a class; 0 where none are used. */
  anchors: number;
}

/** Which parameters a gradient goes to. */
export interface Trained {
  visual: boolean;
  text: boolean;
  /** Numbers in the head. */
  head: number;
}

/** Bytes of a sentence: its text, and its tokens. */
const SENTENCE = 300;

/**
 * What a training takes, from the sizes of what it holds. Activations are counted by layer; where kernels work in place
 * or copy into layouts of their own a machine differs, by less than a factor of two where it was measured.
 */
export function trainingMemory(plan: Plan, trained: Trained, data: Data): Memory {
  const { config, sizes, batch, microBatch = batch, classes } = plan;
  const { embedDim: dim, visual } = config;
  const all = sizes.visual + sizes.text + trained.head;
  const learnt = (trained.visual ? sizes.visual : 0) + (trained.text ? sizes.text : 0) + trained.head;
  const held = Math.min(microBatch, batch);
  // A frozen encoder keeps nothing: about two layers' outputs live at a time.
  const image = imageCost(config).activations * (trained.visual ? 1 : 2 / layersOf(config));
  const text = trained.text ? textCost(config).activations : 0;
  const view = visual.imageSize ** 2 * 3;
  const features = data.sentences < CACHED_FROM ? data.sentences * dim * FLOAT : 0;
  const table = classes * data.anchors * (3 * dim + data.anchors) * FLOAT;
  const scores = keptScores(classes * data.anchors, held) * FLOAT;
  return {
    runtime: RUNTIME,
    parameters: (all + learnt) * FLOAT,
    optimiser: 6 * learnt * FLOAT,
    activations: TRANSIENT * held * (image + text) * FLOAT + scores,
    views: (batchesAhead(batch, visual.imageSize) + 1) * batch * view * FLOAT,
    workers: data.workers * WORKER + batch * view * FLOAT,
    texts: data.sentences * SENTENCE + features + table,
  };
}

/**
 * What choosing anchors takes before stage 2 trains, in bytes: the model, and of all sentences text, tokens and features, those
 * that are scored also as unit rows, in an array and in a tensor.
 */
export function choosingMemory(
  { config, sizes }: Pick<Plan, 'config' | 'sizes'>,
  sentences: number,
  scored: boolean,
): number {
  const rows = scored ? 3 : 1;
  return RUNTIME + (sizes.visual + sizes.text) * FLOAT + sentences * (SENTENCE + rows * config.embedDim * FLOAT);
}

const layersOf = ({ visual }: Plan['config']): number =>
  visual.kind === 'vit' ? 6 * visual.layers : 3 + 3 * visual.layers.reduce((a, b) => a + b, 0);
