import type { Memory } from './memory.js';

/** What a participant of a kernel's benchmark is asked. */
export type Request<Problem> =
  /**
   * Gets the problem ready from the files in `folder`, does the work of each mode once and writes what is compared,
   * float32, to `<output>.<mode>`. A contender's own options lie beside.
   */
  | ({ do: 'prepare'; folder: string; output: string } & Problem)
  /** The same in float64; only a participant in PyTorch can. */
  | ({ do: 'reference'; folder: string; output: string } & Problem)
  | { do: 'run'; mode: string; times: number };

/** Answer to `run`: seconds of each pass; memory where the system can tell. */
export interface Ran {
  seconds: number[];
  memory?: Memory;
}

/** The first pass of a mode, and the lengths of the arrays that were written one behind the other. */
export interface FirstPass extends Partial<Ran> {
  parts: number[];
}

/** Answer to `prepare` and `reference`, by mode. */
export type Prepared = Record<string, FirstPass>;
