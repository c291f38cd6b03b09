import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { bytesOf } from '../bytes.js';
import type { ClipConfig } from '../clip/config.js';
import { keepUsedLast, markUsed } from '../files/cache.js';
import { readFully } from '../files/readFully.js';
import { cacheFolder } from '../runtime/paths.js';
import { kernels, runtime } from '../runtime/ready.js';
import type { TensorMap } from '../runtime/tf.js';
import { encodedSentences, SENTENCES, sentenceFeatures, textParameters } from './features.js';
import type { TextBank } from './textBank.js';

/** Features of all sentences of a bank by a frozen model. */
export interface SentenceFeatures {
  /** D. */
  readonly dim: number;
  /** Features of the named rows, not normalised, row-major [rows.length, D]. */
  gather(rows: ArrayLike<number>): Promise<Float32Array>;
  close(): Promise<void>;
}

/** From this many sentences on they are kept on disk: encoding fewer costs seconds to minutes, and they fit in memory. */
export const CACHED_FROM = 20_000;
/** Models and corpora kept; ImageNet-LT's take about a gigabyte. */
const KEPT = 4;
/** Changes with what the encoder gives or the file holds. */
const VERSION = 'sentence features 2';
const CHECKSUM = 4;

/** Digest of everything that the features depend on; what computes them gives the last bits. */
async function keyOf(config: ClipConfig, params: TensorMap, bank: TextBank): Promise<string> {
  const { backend, device } = runtime();
  const hash = createHash('sha256').update(`${VERSION} ${JSON.stringify(config.text)} ${config.embedDim}\0`);
  hash.update(`${backend} ${kernels()} ${device}\0`);
  for (const [name, t] of Object.entries(textParameters(params)).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name} ${t.shape}\0`).update(bytesOf((await t.data()) as Float32Array));
  return hash.update(bank.digest()).digest('hex').slice(0, 32);
}

function inMemory(config: ClipConfig, params: TensorMap, bank: TextBank): SentenceFeatures {
  const dim = config.embedDim;
  const values = sentenceFeatures(config, params, bank);
  return {
    dim,
    async gather(rows) {
      const out = new Float32Array(rows.length * dim);
      for (let i = 0; i < rows.length; i++) out.set(values.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
      return out;
    },
    async close() {},
  };
}

/** Where the batches of sentences lie in a file: one behind another, a checksum after each. */
class Layout {
  readonly batches: number;
  constructor(
    private readonly sentences: number,
    readonly dim: number,
  ) {
    this.batches = Math.ceil(sentences / SENTENCES);
  }

  /** Bytes of a batch, its checksum not among them. */
  bytes(batch: number): number {
    return Math.min(SENTENCES, this.sentences - batch * SENTENCES) * this.dim * 4;
  }

  offset(batch: number): number {
    return batch * (SENTENCES * this.dim * 4 + CHECKSUM);
  }

  /** Where the sentence at a place of the order by length lies. */
  at(place: number): number {
    return this.offset(Math.floor(place / SENTENCES)) + (place % SENTENCES) * this.dim * 4;
  }
}

/** How many batches from the first on a file holds undamaged. */
async function wholeBatches(file: FileHandle, layout: Layout): Promise<number> {
  const buffer = Buffer.alloc(layout.bytes(0) + CHECKSUM);
  for (let batch = 0; batch < layout.batches; batch++) {
    const bytes = layout.bytes(batch);
    const { bytesRead } = await file.read(buffer, 0, bytes + CHECKSUM, layout.offset(batch));
    if (bytesRead < bytes + CHECKSUM) return batch;
    if (crc32(buffer.subarray(0, bytes)) !== buffer.readUInt32LE(bytes)) return batch;
  }
  return layout.batches;
}

/** Writes all of the bytes: of a disk that is nearly full a write takes a part, and the next one fails. */
async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

async function onDisk(
  config: ClipConfig,
  params: TensorMap,
  bank: TextBank,
  onProgress?: (done: number, of: number) => void,
): Promise<SentenceFeatures> {
  const layout = new Layout(bank.length, config.embedDim);
  const folder = join(cacheFolder(), 'text-features');
  await mkdir(folder, { recursive: true });
  const path = join(folder, await keyOf(config, params, bank));
  // Made where it is not there: two processes may begin at once.
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    markUsed(path);
    keepUsedLast(folder, KEPT);
    let batch = await wholeBatches(file, layout);
    for (const { values } of encodedSentences(config, params, bank, batch)) {
      const bytes = bytesOf(values);
      const checksum = Buffer.alloc(CHECKSUM);
      checksum.writeUInt32LE(crc32(bytes));
      // Whoever else computes the same writes the same bytes to the same place.
      await writeWhole(file, Buffer.concat([bytes, checksum]), layout.offset(batch));
      onProgress?.(++batch, layout.batches);
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  const places = new Int32Array(bank.length);
  for (const [place, row] of bank.byLength().entries()) places[row] = place;
  const { dim } = layout;
  return {
    dim,
    async gather(rows) {
      const width = dim * 4;
      const out = Buffer.alloc(rows.length * width);
      await Promise.all(
        Array.from(rows, (row, i) =>
          readFully(file, out.subarray(i * width, (i + 1) * width), layout.at(places[row]!), path, 'ERR_DATA'),
        ),
      );
      return new Float32Array(out.buffer, out.byteOffset, rows.length * dim);
    },
    close: () => file.close(),
  };
}

/**
 * Features of every sentence of a bank by a frozen model. Those of a large corpus are kept in
 * `$XDG_CACHE_HOME/vl-ltr/text-features` under a digest of the text encoder's weights, of the tokens, and of backend, kernels
 * and device: they are encoded once, whatever run asks for them, never lie in memory all together, and a process that was killed has lost at most the
 * batch it was at. A batch with a wrong checksum is encoded again, and what follows it. Where there is no room they lie in
 * memory, with a warning.
 * @param onProgress batches that are encoded, and of how many
 * @param from sentences from which on they are kept
 */
export async function openSentenceFeatures(
  config: ClipConfig,
  params: TensorMap,
  bank: TextBank,
  onProgress?: (done: number, of: number) => void,
  from = CACHED_FROM,
): Promise<SentenceFeatures> {
  if (bank.length < from) return inMemory(config, params, bank);
  try {
    return await onDisk(config, params, bank, onProgress);
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const memory = `${((bank.length * config.embedDim * 4) / 2 ** 30).toFixed(1)} GiB of memory`;
    console.warn(
      `sentence features cannot be kept (${message}): they take ${memory}, and the next run encodes them again`,
    );
    return inMemory(config, params, bank);
  }
}
