// What the addon tells of cards, and what a self-test found there or on the processor.

import type { Isa } from './addon.js';

export interface CudaInfo {
  /** Whether this build has CUDA kernels. */
  readonly built: boolean;
  /** In CUDA's order; those older than compute capability 8.0 too, which no kernel runs on. */
  readonly cards: readonly CudaCard[];
  /** Ops that `selftest` knows. */
  readonly checked: readonly string[];
  /** Why there is no card. */
  readonly why?: string;
}

export interface CudaCard {
  readonly name: string;
  /** Compute capability, "9.0". */
  readonly capability: string;
  /** Bytes. */
  readonly memory: number;
  /** The CUDA version that the driver has, "13.0". */
  readonly driver: string;
}

export interface SelftestReport {
  readonly ok: boolean;
  readonly seed: number;
  /** Of a card's kernels. */
  readonly card?: CudaCard & { readonly multiprocessors: number; readonly runtime: string };
  /** Of the processor's. */
  readonly processor?: { readonly isa: Isa; readonly threads: number };
  readonly ops: readonly SelftestOp[];
}

export interface SelftestOp {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** What each failed check said. */
  readonly failures: readonly string[];
  readonly timings: readonly SelftestTiming[];
}

export interface SelftestTiming {
  readonly op: string;
  readonly size: string;
  readonly precision: string;
  /** Median, by the device's clock; null where a call failed. */
  readonly milliseconds: number | null;
  /** Operations that have to be done, bytes that have to be moved. */
  readonly flops: number;
  readonly bytes: number;
  /** Bytes held beyond inputs and outputs. */
  readonly workspace: number;
}
