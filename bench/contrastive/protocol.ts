import type { Memory } from '../trainStep/protocol.js';
import type { Problem } from './problem.js';

/** How PyTorch runs the loss. */
export interface TorchOptions {
  compiled: boolean;
  /** bfloat16 by autocast. */
  autocast: boolean;
}

/** What every participant is asked. `folder` holds the batch. */
export type Request =
  /** Gets the batch ready, computes the loss and its gradients once, and writes the gradients to `gradients`. */
  | ({ do: 'prepare'; problem: Problem; folder: string; gradients: string } & Partial<TorchOptions>)
  /** The same in float64, in blocks of rows; only a participant in PyTorch can. */
  | { do: 'reference'; problem: Problem; folder: string; gradients: string }
  | { do: 'run'; times: number };

export interface Prepared {
  loss: number;
  dlogitScale: number;
}

/** Seconds of each forward and backward pass, and what they took. */
export interface Ran {
  seconds: number[];
  memory?: Memory;
}
