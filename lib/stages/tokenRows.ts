import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from '../bytes.js';
import { tokenIds } from '../clip/tokenizer.js';
import { keepUsedLast, markUsed } from '../files/cache.js';
import { cacheFolder } from '../runtime/paths.js';

/** Sentences tokenised, without their padding: those of a large corpus would fill hundreds of megabytes with zeros. */
export interface TokenRows {
  /** Ids of all rows one behind another, start and end included. CLIP's vocabulary fits 16 bits. */
  ids: Uint16Array;
  /** Where each row begins in `ids`, length rows + 1. */
  starts: Uint32Array;
  /** Rows that were cut to fit the context. */
  truncated: number;
}

/** Sentences tokenised at a time. */
const CHUNK = 4096;
/** Fewer sentences than this are tokenised faster than the cache is worth: a third of a second. */
const CACHED_FROM = 20_000;
/** Corpora kept; iNaturalist's takes some 50 MB. */
const KEPT = 8;
/** Changes with what the tokenizer gives or the file holds. */
const VERSION = 'tokens 1';

function tokenise(texts: readonly string[], contextLength: number): TokenRows {
  const starts = new Uint32Array(texts.length + 1);
  const parts: Uint16Array[] = [];
  let truncated = 0;
  for (let from = 0; from < texts.length; from += CHUNK) {
    const chunk = tokenIds(texts.slice(from, from + CHUNK), { contextLength });
    truncated += chunk.truncated;
    const part = new Uint16Array(chunk.lengths.reduce((a, b) => a + b, 0));
    let at = 0;
    chunk.lengths.forEach((length, row) => {
      part.set(chunk.ids.subarray(row * contextLength, row * contextLength + length), at);
      at += length;
      starts[from + row + 1] = starts[from + row]! + length;
    });
    parts.push(part);
  }
  const ids = new Uint16Array(starts[texts.length]!);
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  return { ids, starts, truncated };
}

const digest = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** A cached corpus: sha256 of the rest, rows, truncated, starts, ids. Undefined where the file is none or damaged. */
function load(file: string, rows: number): TokenRows | undefined {
  try {
    const bytes = readFileSync(file);
    if (bytes.length < 40 || !digest(bytes.subarray(32)).equals(bytes.subarray(0, 32))) return undefined;
    if (bytes.readUInt32LE(32) !== rows) return undefined;
    const body = bytes.buffer.slice(bytes.byteOffset + 40, bytes.byteOffset + bytes.length);
    const starts = new Uint32Array(body, 0, rows + 1);
    markUsed(file);
    return { ids: new Uint16Array(body, 4 * (rows + 1), starts[rows]!), starts, truncated: bytes.readUInt32LE(36) };
  } catch {
    return undefined;
  }
}

function save(file: string, folder: string, { ids, starts, truncated }: TokenRows): void {
  try {
    mkdirSync(folder, { recursive: true });
    const head = Buffer.alloc(8);
    head.writeUInt32LE(starts.length - 1, 0);
    head.writeUInt32LE(truncated, 4);
    const parts = [head, bytesOf(starts), bytesOf(ids)];
    const temporary = `${file}.${randomBytes(4).toString('hex')}`;
    writeFileSync(temporary, Buffer.concat([digest(...parts), ...parts]));
    renameSync(temporary, file);
    keepUsedLast(folder, KEPT);
  } catch {
    // Without a cache (a full or read-only disk) the sentences are tokenised again next time.
  }
}

/**
 * Tokens of sentences, cut to the context. Those of large corpora are kept in `$XDG_CACHE_HOME/vl-ltr/tokens` under a
 * digest of the sentences themselves, so that no change of a text goes unseen.
 * @param from sentences from which on they are kept
 */
export function tokenRows(texts: readonly string[], contextLength: number, from = CACHED_FROM): TokenRows {
  if (texts.length < from) return tokenise(texts, contextLength);
  const hash = createHash('sha256').update(`${VERSION} ${contextLength}\0`);
  for (const text of texts) hash.update(`${text.length} ${text}\0`);
  const folder = join(cacheFolder(), 'tokens');
  const file = join(folder, hash.digest('hex').slice(0, 32));
  const found = load(file, texts.length);
  if (found) return found;
  const rows = tokenise(texts, contextLength);
  save(file, folder, rows);
  return rows;
}
