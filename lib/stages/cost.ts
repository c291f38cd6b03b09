import { type ClipConfig, type ResNetConfig, resnetSizes, type TextConfig, type VitConfig } from '../clip/config.js';

/** What an encoder takes for one picture or one sentence. */
export interface Cost {
  /** Floating-point operations of a forward pass: two for each multiply-add of a product or convolution. */
  flops: number;
  /** Numbers that a gradient needs of the forward pass. */
  activations: number;
}

const sum = (...costs: Cost[]): Cost => ({
  flops: costs.reduce((a, c) => a + c.flops, 0),
  activations: costs.reduce((a, c) => a + c.activations, 0),
});

/** A convolution with batch norm and ReLU; each of the three leaves its output behind. */
const convolution = (size: number, from: number, to: number, kernel: number): Cost => ({
  flops: 2 * size * size * from * to * kernel * kernel,
  activations: 3 * size * size * to,
});

function resnet(visual: ResNetConfig, embedDim: number): Cost {
  const { width, layers, imageSize, stemPool = true } = visual;
  let size = Math.floor((imageSize - 1) / 2) + 1;
  const parts = [
    convolution(size, 3, width / 2, 3),
    convolution(size, width / 2, width / 2, 3),
    convolution(size, width / 2, width, 3),
  ];
  if (stemPool) size = Math.floor(size / 2);
  let from = width;
  layers.forEach((blocks, layer) => {
    const planes = width * 2 ** layer;
    for (let block = 0; block < blocks; block++) {
      const out = layer > 0 && block === 0 ? Math.floor(size / 2) : size;
      parts.push(convolution(size, from, planes, 1), convolution(size, planes, planes, 3));
      parts.push(convolution(out, planes, 4 * planes, 1));
      if (block === 0) parts.push(convolution(out, from, 4 * planes, 1));
      size = out;
      from = 4 * planes;
    }
  });
  // Attention pooling: keys and values of all places, one query.
  const { features, grid } = resnetSizes(visual);
  const places = grid * grid + 1;
  parts.push({
    flops: 2 * (2 * places * features * features + features * features + features * embedDim),
    activations: 3 * places * features,
  });
  return sum(...parts);
}

/**
 * A pre-LN transformer over `tokens` tokens. Of a block a gradient needs two norms, queries, keys and values, what
 * attention gives and its projection, two sums, the wide layer before and after its activation, and the weights of
 * attention before and after the softmax.
 */
function transformer(tokens: number, { width, layers, heads }: { width: number; layers: number; heads: number }): Cost {
  return {
    flops: layers * (24 * tokens * width * width + 4 * tokens * tokens * width),
    activations: layers * (18 * tokens * width + 2 * heads * tokens * tokens),
  };
}

function vit(visual: VitConfig, embedDim: number): Cost {
  const { width, patchSize, imageSize } = visual;
  const patches = Math.floor(imageSize / patchSize) ** 2;
  return sum(transformer(patches + 1, visual), {
    flops: 2 * patches * 3 * patchSize * patchSize * width + 2 * width * embedDim,
    activations: 2 * (patches + 1) * width,
  });
}

/** A picture. */
export const imageCost = ({ visual, embedDim }: ClipConfig): Cost =>
  visual.kind === 'resnet' ? resnet(visual, embedDim) : vit(visual, embedDim);

/** A sentence of so many tokens; default: as many as there may be, which a batch of many sentences comes near to. */
export const textCost = (
  { text, embedDim }: { text: TextConfig; embedDim: number },
  tokens = text.contextLength,
): Cost => sum(transformer(tokens, text), { flops: 2 * text.width * embedDim, activations: 2 * tokens * text.width });

/** Numbers in the parameters of the visual encoder and of the rest. */
export interface Sizes {
  visual: number;
  text: number;
}

/** What a training is planned with. */
export interface Plan {
  config: ClipConfig;
  sizes: Sizes;
  batch: number;
  microBatch?: number;
  classes: number;
}

/** A picture's forward pass once; with a gradient thrice, and once more where the features come first (`microBatched`). */
const passes = (trained: boolean, { batch, microBatch }: Plan): number =>
  trained ? (microBatch !== undefined && microBatch < batch ? 4 : 3) : 1;

/** Floating-point operations of an update of stage 1. */
export function pretrainFlops(plan: Plan, distilled: boolean): number {
  const { config, batch } = plan;
  const [image, text] = [imageCost(config).flops, textCost(config).flops];
  // S, its gradient for both sides, and of the teacher S alone.
  const loss = (distilled ? 8 : 6) * batch * batch * config.embedDim;
  return batch * (passes(true, plan) * (image + text) + (distilled ? image : 0)) + loss;
}

/** Floating-point operations of an update of stage 2 or, without anchors, of the vision-only baseline. */
export function classifierFlops(plan: Plan, anchors: number, encoderTrained: boolean): number {
  const { config, batch, classes } = plan;
  const dim = config.embedDim;
  const mlp = 3 * 2 * (4 * dim * dim + 4 * dim * classes);
  // [u; x̂]·Tᵀ and, backward, two products with T.
  const attention = 4 * 2 * classes * anchors * dim;
  return batch * (passes(encoderTrained, plan) * imageCost(config).flops + mlp + attention);
}
