import type { Prepared, Ran } from './protocol.js';
import { median, type Timing, timing } from './statistics.js';

export type Precision = 'fp32' | 'bf16';

/** The most that this machine was seen to do in the same run, on all threads (`vlltr_bench peak`). */
export interface Peak extends Record<Precision, number> {
  isa: string;
  threads: number;
  /** Bytes a second that a copy reads and writes, together. `fp32` and `bf16` are operations a second. */
  copy: number;
}

/** The larger of each rate. */
export const bestOf = (a: Peak, b: Peak): Peak => ({
  ...a,
  fp32: Math.max(a.fp32, b.fp32),
  bf16: Math.max(a.bf16, b.bf16),
  copy: Math.max(a.copy, b.copy),
});

/** What a pass cannot do without. */
export interface Work {
  /** Multiplications and additions of its matrix products. */
  flops: number;
  /** Read from memory and written to it. */
  bytes: number;
}

/** The least time that a pass could take on this machine. */
export interface Floor {
  seconds: number;
  limit: 'arithmetic' | 'memory';
}

/** What one contender took for a pass. */
export interface Figures extends Timing {
  /** Peak beyond what was resident before, in bytes: outputs, and whatever lies between. */
  memory?: number;
  /** ‖result − float64's‖ / ‖float64's‖, the worst of what is compared. */
  error?: number;
  /** Operations a second; absent where a pass has none to speak of. */
  rate?: number;
  /** The floor in its precision over its median: 1 is all that the machine can do. */
  share?: number;
  /** The same over its least time: the peaks of the floor are the best of their repeats too, whatever else the machine did. */
  shareAtBest?: number;
}

export function floorOf({ flops, bytes }: Work, precision: Precision, peak: Peak): Floor {
  const arithmetic = flops / peak[precision];
  const memory = bytes / peak.copy;
  return arithmetic >= memory ? { seconds: arithmetic, limit: 'arithmetic' } : { seconds: memory, limit: 'memory' };
}

/** From the turns of one contender, whose first pass of each is not counted where there are more. */
export function figuresOf(turns: readonly Ran[], work: Work, precision: Precision, peak?: Peak): Figures {
  const times = timing(turns.flatMap(({ seconds }) => (seconds.length > 1 ? seconds.slice(1) : seconds)));
  const floor = peak && floorOf(work, precision, peak).seconds;
  return {
    ...times,
    rate: work.flops ? work.flops / times.median : undefined,
    share: floor && floor / times.median,
    shareAtBest: floor && floor / times.min,
  };
}

/**
 * The peak of a mode beyond what was resident before. An allocator that keeps what it had shows it in the first passes
 * alone; what compiles in its first pass is known by its turns.
 */
export function memoryOf(
  mode: string,
  prepared: Prepared,
  turns: readonly Ran[],
  compiles: boolean,
): number | undefined {
  const beyond = turns.flatMap(({ memory }) => (memory ? [memory.peak - memory.before] : []));
  if (!beyond.length) return undefined;
  const later = median(beyond);
  const before = Math.min(...Object.values(prepared).flatMap(({ memory }) => memory?.before ?? []));
  const first = prepared[mode]?.memory?.peak;
  return Math.max(0, later, first === undefined || compiles ? 0 : first - before);
}

/** The largest relative distance of parts that lie one behind the other. */
export function errorOf(got: Float32Array, exact: Float32Array, parts: readonly number[]): number {
  const length = parts.reduce((sum, part) => sum + part, 0);
  if (got.length !== length || exact.length !== length) {
    throw new Error(`${got.length} results and ${exact.length} of float64's; expected ${length} of both`);
  }
  let start = 0;
  const errors = parts.map((part) => {
    const end = start + part;
    let difference = 0;
    let whole = 0;
    for (let i = start; i < end; i++) {
      difference += (got[i]! - exact[i]!) ** 2;
      whole += exact[i]! ** 2;
    }
    start = end;
    return Math.sqrt(difference / whole);
  });
  return errors.some(Number.isNaN) ? Number.NaN : Math.max(...errors);
}
