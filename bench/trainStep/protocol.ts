import type { Memory } from '../support/memory.js';
import type { OpAccount } from '../support/opCount.js';
import type { Row } from './rows.js';

/** Forward, backward pass and AdamW; the first two alone. */
export type Mode = 'update' | 'gradient';

/** Steps that a preparation takes: the first compiles or records, the later ones show that updates are the same. */
export const FIRST_STEPS = 4;

/** How PyTorch runs a row. */
export interface TorchOptions {
  format: 'channels_last' | 'contiguous';
  compiled: boolean;
  /** bfloat16 by autocast. */
  autocast: boolean;
}

/** What every participant is asked. `folder` holds the row's files (`files.ts`). */
export type Request =
  /** Writes the row's files; only a participant in Node can. */
  | { do: 'write'; row: Row; folder: string }
  /** Makes the row ready in a mode, in place of what was ready before, and takes the first steps. */
  | ({ do: 'prepare'; row: Row; folder: string; mode: Mode; steps: number } & Partial<TorchOptions>)
  | { do: 'run'; steps: number }
  | { do: 'account' };

/** A participant's first line. */
export interface Greeting {
  /** Program, version, threads. */
  what: string;
}

/** Answer to `prepare`. */
export interface Prepared {
  /** Loss of each of the first steps, before its update. */
  losses: number[];
  seconds: number[];
  /** What the first steps took. */
  memory?: Memory;
  /** What is computed where more than one formula gives the result. */
  formula: string;
}

/** Answer to `run`: one time a step; memory where the system can tell. */
export interface Ran {
  seconds: number[];
  memory?: Memory;
}

/** Answer to `account`, of one step. */
export interface Accounted extends OpAccount {
  /** Floating-point operations of its matrix products and convolutions. */
  flop?: number;
  /** Floating-point operations a second of one large matrix product. */
  peakRate?: number;
}
