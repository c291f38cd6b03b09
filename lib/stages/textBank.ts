import { createHash } from 'node:crypto';
import { check } from '../errors.js';
import { tf } from '../runtime/tf.js';
import { type TokenRows, tokenRows } from './tokenRows.js';

/** Text batches are cut to a multiple of this many tokens, so that few distinct shapes occur (exact: see `batch`). */
const LENGTH_BUCKET = 4;

/**
 * Every sentence of every class, tokenised once. Sentences of class c are rows `offsets[c] … offsets[c+1]-1`.
 * Batches are cut to their longest sentence: with a causal mask and the feature read at the end token the tokens
 * behind it change nothing.
 */
export class TextBank {
  /** Number of classes. */
  readonly classes: number;
  /** Number of sentences of all classes. */
  readonly length: number;
  /** Row of the first sentence of each class, length classes + 1. */
  readonly offsets: Int32Array;
  /** Class of each row. */
  readonly labels: Int32Array;
  /** Sentences whose tail was cut off to fit the context (their end token is kept). */
  readonly truncated: number;
  private readonly tokens: TokenRows;

  /** @param sentences sentences[c] are the sentences of class c; at least one each. */
  constructor(
    readonly sentences: string[][],
    readonly contextLength = 77,
  ) {
    this.classes = sentences.length;
    this.offsets = new Int32Array(this.classes + 1);
    sentences.forEach((list, c) => {
      check(list.length > 0, 'ERR_DATA', () => `class ${c} has no sentence; every class needs at least one`);
      this.offsets[c + 1] = this.offsets[c]! + list.length;
    });
    this.length = this.offsets[this.classes]!;
    this.labels = new Int32Array(this.length);
    for (let c = 0; c < this.classes; c++) this.labels.fill(c, this.offsets[c], this.offsets[c + 1]);
    this.tokens = tokenRows(sentences.flat(), contextLength);
    this.truncated = this.tokens.truncated;
  }

  /** Number of sentences of each class, length C. */
  counts(): number[] {
    return this.sentences.map((s) => s.length);
  }

  /** The text of a row. */
  text(row: number): string {
    const c = this.labels[row]!;
    return this.sentences[c]![row - this.offsets[c]!]!;
  }

  /** All rows, by the number of their tokens. */
  byLength(): Int32Array {
    const { starts } = this.tokens;
    const tokens = (row: number): number => starts[row + 1]! - starts[row]!;
    return Int32Array.from({ length: this.length }, (_, row) => row).sort((a, b) => tokens(a) - tokens(b) || a - b);
  }

  /** Digest of the tokens of all rows, in their order. */
  digest(): string {
    const { ids, starts } = this.tokens;
    return createHash('sha256').update(`${this.contextLength}`).update(starts).update(ids).digest('hex');
  }

  /** Token ids of the named rows, int32 [rows.length, L], L the longest of them rounded up. */
  batch(rows: ArrayLike<number>): tf.Tensor2D {
    return idBatch(this.tokens, this.contextLength, rows);
  }
}

/** The named rows, padded to the longest of them (rounded up to a bucket): int32 [rows.length, L]. */
export function idBatch({ ids, starts }: TokenRows, contextLength: number, rows: ArrayLike<number>): tf.Tensor2D {
  let longest = 1;
  for (let i = 0; i < rows.length; i++) longest = Math.max(longest, starts[rows[i]! + 1]! - starts[rows[i]!]!);
  const width = Math.min(contextLength, Math.ceil(longest / LENGTH_BUCKET) * LENGTH_BUCKET);
  const out = new Int32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) out.set(ids.subarray(starts[rows[i]!], starts[rows[i]! + 1]), i * width);
  return tf.tensor2d(out, [rows.length, width], 'int32');
}
