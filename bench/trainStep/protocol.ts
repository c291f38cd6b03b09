import type { OpAccount } from '../support/opCount.js';
import type { Row } from './rows.js';

/** Forward and backward pass; the same and AdamW. */
export type Mode = 'gradient' | 'update';
export const MODES: Mode[] = ['gradient', 'update'];

export const LEARNING_RATE = 1e-4;
export const WEIGHT_DECAY = 0.05;

/**
 * What every participant is asked. The loss is the mean square of features − target. `file` (safetensors, PyTorch's
 * layouts) holds the visual encoder's parameters, `images` [N, H, W, 3] and `target` [N, D].
 */
export type Request =
  | ({ do: 'prepare'; file: string; write: boolean; learningRate: number; weightDecay: number } & Row)
  | { do: 'run'; mode: Mode; steps: number }
  | { do: 'account'; mode: Mode };

/** A participant's first line. */
export interface Greeting {
  /** Program, version, threads. */
  what: string;
}

/** Answer to `prepare`: the loss before any update. */
export interface Prepared {
  loss: number;
}

/** Answer to `run`: one time a step. */
export interface Ran {
  seconds: number[];
}

export type Accounted = OpAccount;
