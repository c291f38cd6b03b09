import { check } from '../errors.js';
import { tf } from '../runtime/tf.js';
import { type Bpe, END_ID, loadBpe, START_ID, VOCABULARY_SIZE } from './bpe.js';
import { cleanText } from './cleanText.js';

/** CLIP's context: 75 tokens, start and end. */
export const CONTEXT_LENGTH = 77;

const SPECIAL = new Map([
  ['<|startoftext|>', START_ID],
  ['<|endoftext|>', END_ID],
]);

/**
 * CLIP's pre-tokens of a cleaned text, whose only white space is the space: contractions, letters, one digit, others.
 * CLIP ignores case here, which after lower-casing leaves two marks: the long s counts as s, and U+0345, whose capital
 * is a letter while it is none, falls between the classes and is dropped.
 */
const PRE_TOKENS =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: U+0345 is meant by itself
  /<\|[sſ]tartoftext\|>|<\|endoftext\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\u0345 \p{L}\p{N}]+/gu;

/** Words recur, so their ids are kept; long ones (text without spaces) hardly do. */
const CACHE_ENTRIES = 1 << 16;
const CACHE_WORD_LENGTH = 32;
const cache = new Map<string, readonly number[]>();

let loaded: Bpe | undefined;
function bpe(): Bpe {
  loaded ??= loadBpe();
  return loaded;
}

function wordIds(word: string): readonly number[] {
  const known = cache.get(word);
  if (known) return known;
  const special = SPECIAL.get(word);
  const ids = special === undefined ? bpe().word(word) : [special];
  if (word.length <= CACHE_WORD_LENGTH) {
    if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value!);
    cache.set(word, ids);
  }
  return ids;
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

/**
 * Token ids of a text by CLIP's byte-level BPE after its clean-up: no start, no end, not cut. The literal texts
 * `<|startoftext|>` and `<|endoftext|>` give their ids.
 */
export function encode(text: string): number[] {
  check(typeof text === 'string', 'ERR_ARGUMENT', () => `text is ${describe(text)}, expected a string`);
  const ids: number[] = [];
  for (const word of cleanText(text).match(PRE_TOKENS) ?? []) for (const id of wordIds(word)) ids.push(id);
  return ids;
}

/** The text of token ids, a space after each word. Bytes that form no UTF-8 become U+FFFD. */
export function decode(ids: ArrayLike<number>): string {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    check(
      Number.isInteger(id) && id >= 0 && id < VOCABULARY_SIZE,
      'ERR_ARGUMENT',
      () => `ids[${i}] is ${id}, expected an integer from 0 to ${VOCABULARY_SIZE - 1}`,
    );
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bpe().bytes(ids));
}

/** Token ids of texts as CLIP's text encoder takes them. */
export interface TokenIds {
  /** Row-major [N, contextLength], zero padded. */
  ids: Int32Array;
  /** Tokens of each text, start and end included, length N. */
  lengths: Int32Array;
  /** How many texts were cut. */
  truncated: number;
}

/**
 * Tokenises texts: start, tokens, end, zeros. A text that is too long is cut and keeps its end token.
 * @param texts one text or many (N)
 * @param options.contextLength L >= 2, default 77
 */
export function tokenIds(texts: string | readonly string[], options: { contextLength?: number } = {}): TokenIds {
  const { contextLength = CONTEXT_LENGTH } = options;
  check(
    Number.isInteger(contextLength) && contextLength >= 2,
    'ERR_ARGUMENT',
    () => `contextLength is ${contextLength}, expected an integer >= 2 (start and end)`,
  );
  const list = typeof texts === 'string' ? [texts] : texts;
  check(
    Array.isArray(list),
    'ERR_ARGUMENT',
    () => `texts is ${describe(texts)}, expected a string or an array of strings`,
  );
  const ids = new Int32Array(list.length * contextLength);
  const lengths = new Int32Array(list.length);
  let truncated = 0;
  for (let row = 0; row < list.length; row++) {
    const text = list[row]!;
    check(typeof text === 'string', 'ERR_ARGUMENT', () => `texts[${row}] is ${describe(text)}, expected a string`);
    const tokens = encode(text);
    const kept = Math.min(tokens.length, contextLength - 2);
    if (kept < tokens.length) truncated++;
    const at = row * contextLength;
    ids[at] = START_ID;
    for (let i = 0; i < kept; i++) ids[at + 1 + i] = tokens[i]!;
    ids[at + 1 + kept] = END_ID;
    lengths[row] = kept + 2;
  }
  return { ids, lengths, truncated };
}

/** `tokenIds` as a tensor, int32 [N, contextLength]. The caller disposes it. */
export function tokenize(texts: string | readonly string[], options: { contextLength?: number } = {}): tf.Tensor2D {
  const { ids, lengths } = tokenIds(texts, options);
  return tf.tensor2d(ids, [lengths.length, options.contextLength ?? CONTEXT_LENGTH], 'int32');
}
