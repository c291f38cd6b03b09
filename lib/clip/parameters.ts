import { VlltrError } from '../errors.js';
import type { TensorMap, tf } from '../runtime/tf.js';
import { type ClipConfig, embeddingRows, resnetSizes, vitGrid } from './config.js';

/** How PyTorch's layout becomes the one in memory: convolutions OIHW -> HWIO, linear maps [out, in] -> [in, out]. */
export type ParameterLayout = 'conv' | 'linear' | 'same';

/** First values of a parameter. */
export type Initial =
  | { kind: 'constant'; value: number }
  | { kind: 'normal'; std: number }
  /** Uniform in [-bound, bound). */
  | { kind: 'uniform'; bound: number };

/** A parameter or buffer of a CLIP model. */
export interface ParameterSpec {
  /** OpenAI's state-dict name. */
  name: string;
  /** In memory. */
  shape: number[];
  layout: ParameterLayout;
  initial: Initial;
}

const constant = (value: number): Initial => ({ kind: 'constant', value });
const normal = (std: number): Initial => ({ kind: 'normal', std });
const uniform = (bound: number): Initial => ({ kind: 'uniform', bound });
/** PyTorch's default for linear maps, convolutions and their biases: U(+-1/sqrt(inputs of one output)). */
const fanIn = (inputs: number): Initial => uniform(inputs ** -0.5);

type Add = (name: string, shape: number[], initial: Initial, layout?: ParameterLayout) => void;

function conv(add: Add, name: string, size: number, from: number, to: number): void {
  add(`${name}.weight`, [size, size, from, to], fanIn(size * size * from), 'conv');
}

function batchNorm(add: Add, name: string, channels: number, scale = 1): void {
  add(`${name}.weight`, [channels], constant(scale));
  add(`${name}.bias`, [channels], constant(0));
  add(`${name}.running_mean`, [channels], constant(0));
  add(`${name}.running_var`, [channels], constant(1));
}

function layerNorm(add: Add, name: string, width: number): void {
  add(`${name}.weight`, [width], constant(1));
  add(`${name}.bias`, [width], constant(0));
}

function linear(add: Add, name: string, from: number, to: number, weight: Initial, bias: Initial): void {
  add(`${name}.weight`, [from, to], weight, 'linear');
  add(`${name}.bias`, [to], bias);
}

function resnet(add: Add, config: ClipConfig): void {
  const visual = config.visual;
  if (visual.kind !== 'resnet') return;
  const { width, layers } = visual;
  const { features, grid } = resnetSizes(visual);
  const stem = [3, width / 2, width / 2, width];
  for (let i = 1; i <= 3; i++) {
    conv(add, `visual.conv${i}`, 3, stem[i - 1]!, stem[i]!);
    batchNorm(add, `visual.bn${i}`, stem[i]!);
  }
  let from = width;
  layers.forEach((blocks, i) => {
    const inner = width * 2 ** i;
    for (let block = 0; block < blocks; block++) {
      const name = `visual.layer${i + 1}.${block}`;
      conv(add, `${name}.conv1`, 1, from, inner);
      batchNorm(add, `${name}.bn1`, inner);
      conv(add, `${name}.conv2`, 3, inner, inner);
      batchNorm(add, `${name}.bn2`, inner);
      conv(add, `${name}.conv3`, 1, inner, inner * 4);
      // CLIP starts each block as the identity (its shortcut, to be exact).
      batchNorm(add, `${name}.bn3`, inner * 4, 0);
      if (block === 0 && (i > 0 || from !== inner * 4)) {
        conv(add, `${name}.downsample.0`, 1, from, inner * 4);
        batchNorm(add, `${name}.downsample.1`, inner * 4);
      }
      from = inner * 4;
    }
  });
  const std = normal(features ** -0.5);
  add('visual.attnpool.positional_embedding', [grid * grid + 1, features], std);
  for (const name of ['k_proj', 'q_proj', 'v_proj']) {
    linear(add, `visual.attnpool.${name}`, features, features, std, fanIn(features));
  }
  linear(add, 'visual.attnpool.c_proj', features, config.embedDim, std, fanIn(features));
}

/** Initial values of a transformer's weights. */
interface BlockInitial {
  attention: Initial;
  attentionOut: Initial;
  fc: Initial;
  proj: Initial;
}

function transformer(add: Add, prefix: string, layers: number, width: number, initial: BlockInitial): void {
  for (let i = 0; i < layers; i++) {
    const name = `${prefix}.resblocks.${i}`;
    add(`${name}.attn.in_proj_weight`, [width, 3 * width], initial.attention, 'linear');
    add(`${name}.attn.in_proj_bias`, [3 * width], constant(0));
    linear(add, `${name}.attn.out_proj`, width, width, initial.attentionOut, constant(0));
    layerNorm(add, `${name}.ln_1`, width);
    linear(add, `${name}.mlp.c_fc`, width, 4 * width, initial.fc, fanIn(width));
    linear(add, `${name}.mlp.c_proj`, 4 * width, width, initial.proj, fanIn(4 * width));
    layerNorm(add, `${name}.ln_2`, width);
  }
}

function vit(add: Add, config: ClipConfig): void {
  const visual = config.visual;
  if (visual.kind !== 'vit') return;
  const { width, layers, patchSize } = visual;
  const std = normal(width ** -0.5);
  add('visual.class_embedding', [width], std);
  add('visual.positional_embedding', [vitGrid(visual) ** 2 + 1, width], std);
  add('visual.proj', [width, config.embedDim], std);
  conv(add, 'visual.conv1', patchSize, 3, width);
  layerNorm(add, 'visual.ln_pre', width);
  // CLIP leaves these blocks at PyTorch's defaults (Xavier for the joint projection of query, key and value).
  const attention = uniform(Math.sqrt(6 / (width + 3 * width)));
  const initial = { attention, attentionOut: fanIn(width), fc: fanIn(width), proj: fanIn(4 * width) };
  transformer(add, 'visual.transformer', layers, width, initial);
  layerNorm(add, 'visual.ln_post', width);
}

function text(add: Add, config: ClipConfig): void {
  const { width, layers, contextLength } = config.text;
  add('positional_embedding', [contextLength, width], normal(0.01));
  add('text_projection', [width, config.embedDim], normal(width ** -0.5));
  add('logit_scale', [], constant(Math.log(1 / 0.07)));
  transformer(add, 'transformer', layers, width, {
    attention: normal(width ** -0.5),
    attentionOut: normal((2 * layers * width) ** -0.5),
    fc: normal((2 * width) ** -0.5),
    proj: normal((2 * layers * width) ** -0.5),
  });
  add('token_embedding.weight', [embeddingRows(config.text), width], normal(0.02));
  layerNorm(add, 'ln_final', width);
}

/**
 * Every parameter and buffer of a model: names and shapes are those of OpenAI's state dict (shapes as held in memory),
 * initial values those of OpenAI's `initialize_parameters` and, where it sets none, PyTorch's defaults.
 */
export function parameterSpecs(config: ClipConfig): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const add: Add = (name, shape, initial, layout = 'same') => {
    specs.push({ name, shape, layout, initial });
  };
  resnet(add, config);
  vit(add, config);
  text(add, config);
  return specs;
}

/** Whether the tensor of this name is a buffer: batch norm's running statistics, which no gradient moves. */
export const isBuffer = (name: string): boolean => /\.(running_mean|running_var|num_batches_tracked)$/.test(name);

/** Whether the tensor of this name is trained. */
export const isTrainable = (name: string): boolean => !isBuffer(name);

/** The parameter or buffer of this name. @throws VlltrError ERR_ARGUMENT */
export function parameter<T extends tf.Tensor = tf.Tensor>(params: TensorMap, name: string): T {
  const tensor = params[name];
  if (!tensor) throw new VlltrError('ERR_ARGUMENT', `the model has no parameter named ${name}`);
  return tensor as T;
}
