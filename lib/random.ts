import { check } from './errors.js';

/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * The draws are a function of (seed, stream, step) and of how many came before within that triple, so a resumed run
 * needs no generator state and parameters do not depend on the order in which they are made.
 */
export interface Random {
  /** 32 random bits as an unsigned integer. */
  bits(): number;
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Uniform integer in [0, n), without bias; n an integer in 1 .. 2^32. */
  int(n: number): number;
}

const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_32 = 4294967296;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const cross = Math.imul(a0, b1);
  const other = Math.imul(a1, b0);
  const middle = (Math.imul(a0, b0) >>> 16) + (cross & 0xffff) + (other & 0xffff);
  return (Math.imul(a1, b1) + (cross >>> 16) + (other >>> 16) + (middle >>> 16)) >>> 0;
}

/** One Philox4x32-10 block: four words from a counter of four words and a key of two. */
export function philox(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let c0 = counter[0]! >>> 0;
  let c1 = counter[1]! >>> 0;
  let c2 = counter[2]! >>> 0;
  let c3 = counter[3]! >>> 0;
  let k0 = key[0]! >>> 0;
  let k1 = key[1]! >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** FNV-1a over UTF-16 code units, then murmur3's finaliser. */
function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h = Math.imul(h ^ (unit & 0xff), 0x01000193);
    h = Math.imul(h ^ (unit >>> 8), 0x01000193);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The generator of (seed, stream, step).
 * @param seed integer, |seed| <= 2^53 - 1
 * @param stream what the numbers are for ("sampler", a parameter's name, ...)
 * @param step integer >= 0, < 2^53; 2^34 words may be drawn within one step
 */
export function random(seed: number, stream: string | number, step = 0): Random {
  check(Number.isSafeInteger(seed), 'ERR_ARGUMENT', () => `seed is ${seed}, expected an integer`);
  check(Number.isSafeInteger(step) && step >= 0, 'ERR_ARGUMENT', () => `step is ${step}, expected an integer >= 0`);
  const name = hashText(`${typeof stream}:${stream}`);
  const key = [seed >>> 0, name] as const;
  const counter = [0, step >>> 0, Math.floor(step / TWO_32), Math.floor(seed / TWO_32) >>> 0];
  let words: readonly number[] = [];
  let used = 4;
  let spare: number | undefined;

  const bits = (): number => {
    if (used === 4) {
      words = philox(counter, key);
      counter[0] = (counter[0]! + 1) >>> 0;
      used = 0;
    }
    return words[used++]!;
  };
  const uniform = (): number => ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const int = (n: number): number => {
    check(Number.isInteger(n) && n >= 1 && n <= TWO_32, 'ERR_ARGUMENT', () => `int(${n}): expected 1 .. 2^32`);
    // Rejecting the incomplete last run of n values keeps every result equally likely.
    const limit = TWO_32 - (TWO_32 % n);
    let value = bits();
    while (value >= limit) value = bits();
    return value % n;
  };
  return { bits, uniform, normal, int };
}

/** The items in a uniformly drawn order (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], draw: Random): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = draw.int(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
