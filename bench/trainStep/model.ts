import { toFile } from '../../lib/clip/layout.js';
import { create, encodeImage, isTrainable } from '../../lib/clip/model.js';
import { writeSafetensors } from '../../lib/files/safetensors.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import {
  createOptimiser,
  type LossParts,
  optimise,
  type StepInputs,
  type StepState,
} from '../../lib/stages/optimise.js';
import { LEARNING_RATE, type Mode, WEIGHT_DECAY } from './protocol.js';
import type { Row } from './rows.js';

const isVisual = (name: string): boolean => name.startsWith('visual.');

/** A row's visual encoder with its batch, ready to be trained. Every process makes the same values. */
export class TrainedModel {
  readonly #params: TensorMap;
  readonly #images: tf.Tensor4D;
  readonly #target: tf.Tensor2D;
  readonly #optimiser: ReturnType<typeof createOptimiser>['optimiser'];
  #state: StepState;
  #updates = 0;

  constructor(readonly row: Row) {
    const { config, batch } = row;
    const all = create(config, { seed: 1 }).params;
    this.#params = Object.fromEntries(Object.entries(all).filter(([name]) => isVisual(name)));
    tf.dispose(Object.entries(all).filter(([name]) => !isVisual(name)) as unknown as tf.TensorContainer);
    const { imageSize } = config.visual;
    this.#images = tf.randomNormal([batch, imageSize, imageSize, 3], 0, 1, 'float32', 2);
    this.#target = tf.randomNormal([batch, config.embedDim], 0, 1, 'float32', 3);
    const { optimiser, state } = createOptimiser(this.#params, { weightDecay: WEIGHT_DECAY });
    this.#optimiser = optimiser;
    this.#state = state;
  }

  /** Writes parameters and batch for the other participants. */
  async write(path: string): Promise<void> {
    const tensors = await toFile(this.row.config, this.#params, isVisual);
    for (const [name, tensor] of Object.entries({ images: this.#images, target: this.#target })) {
      tensors[name] = { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
    }
    await writeSafetensors(path, tensors);
  }

  /** One step; gives the loss, whose reading ends it. */
  step(mode: Mode): number {
    return mode === 'update' ? this.#update() : this.#gradient();
  }

  #loss(params: TensorMap): LossParts {
    const { features, batchStats } = encodeImage(this.row.config, params, this.#images, { training: true });
    return { loss: tf.losses.meanSquaredError(this.#target, features) as tf.Scalar, batchStats };
  }

  /** The gradient of each parameter by itself. */
  #gradient(): number {
    return tf.tidy(() => {
      const names = Object.keys(this.#params).filter(isTrainable);
      const loss = (...tensors: tf.Tensor[]): tf.Scalar => {
        const trained = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
        return this.#loss({ ...this.#params, ...trained }).loss;
      };
      const { value } = tf.valueAndGrads(loss)(names.map((name) => this.#params[name]!));
      return value.dataSync()[0]!;
    });
  }

  /** The package's own update, as its stages make it. */
  #update(): number {
    const old = this.#state;
    const inputs: StepInputs = { learningRate: tf.scalar(LEARNING_RATE), update: tf.scalar(++this.#updates) };
    const result = tf.tidy(() => optimise(this.#optimiser, old, inputs, {}, (params) => this.#loss(params)));
    const loss = result.outputs.loss!.dataSync()[0]!;
    this.#state = result.state;
    tf.dispose([inputs, result.outputs] as tf.TensorContainer);
    const kept = new Set([...tensorsOf(result.state)]);
    for (const tensor of tensorsOf(old)) if (!kept.has(tensor)) tensor.dispose();
    return loss;
  }

  dispose(): void {
    tf.dispose([this.#params, this.#images, this.#target, this.#state] as tf.TensorContainer);
    tf.dispose(this.#optimiser.decayMask);
  }
}

const tensorsOf = ({ params, m, v, buffers }: StepState): tf.Tensor[] => [params, m, v, ...Object.values(buffers)];
