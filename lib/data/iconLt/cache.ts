import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check } from '../../errors.js';
import { cacheFolder } from '../../runtime/paths.js';
import type { ImageSource } from '../types.js';
import { SIZE } from './draw.js';

/** Told how far the drawing is: pictures done, pictures in all, what they are for. */
export type OnProgress = (done: number, total: number, what: string) => void;

/** Where drawn pictures are kept: `$XDG_CACHE_HOME/vl-ltr/icon-lt`. */
export function defaultCacheDir(): string {
  return join(cacheFolder(), 'icon-lt');
}

/** A short hash of anything JSON can hold. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 20);
}

/** A digest of pixels, equal exactly for equal pictures. */
export function pixelHash(pixels: Uint8Array): string {
  return createHash('sha1').update(pixels).digest('base64');
}

const GREY = SIZE * SIZE;
const isGrey = (rgb: Uint8Array): boolean => {
  for (let i = 0; i < rgb.length; i += 3) if (rgb[i] !== rgb[i + 1] || rgb[i] !== rgb[i + 2]) return false;
  return true;
};

/** Pixels in memory: one byte a pixel where a picture is grey, three where it has colour. */
export class Pictures {
  readonly #offsets: Float64Array;
  /** @param channels "1" or "3" for each picture */
  constructor(
    readonly bytes: Uint8Array,
    readonly channels: string,
  ) {
    this.#offsets = new Float64Array(channels.length + 1);
    for (let i = 0; i < channels.length; i++)
      this.#offsets[i + 1] = this.#offsets[i]! + (channels[i] === '1' ? GREY : 3 * GREY);
    const total = this.#offsets[channels.length]!;
    check(total === bytes.length, 'ERR_DATA', () => `the drawn pictures hold ${bytes.length} bytes, expected ${total}`);
  }
  get length(): number {
    return this.channels.length;
  }
  /** Writes picture `i` as RGB into `out` at byte `at`. */
  copyTo(i: number, out: Uint8Array, at: number): void {
    const [from, to] = [this.#offsets[i]!, this.#offsets[i + 1]!];
    if (to - from !== GREY) out.set(this.bytes.subarray(from, to), at);
    else
      for (let k = 0; k < GREY; k++) {
        const value = this.bytes[from + k]!;
        out[at + 3 * k] = value;
        out[at + 3 * k + 1] = value;
        out[at + 3 * k + 2] = value;
      }
  }
}

/** A selection of pictures as an `ImageSource`. */
export function imageSource(
  pictures: Pictures,
  ids: readonly string[],
  labels: Int32Array,
  rows: readonly number[] | undefined,
): ImageSource {
  const bytes = SIZE * SIZE * 3;
  return {
    length: labels.length,
    size: SIZE,
    labels,
    id: (i) => ids[i]!,
    async read(indices) {
      const out = new Uint8Array(indices.length * bytes);
      for (let k = 0; k < indices.length; k++) {
        const i = indices[k]!;
        check(Number.isInteger(i) && i >= 0 && i < labels.length, 'ERR_ARGUMENT', () => {
          return `picture ${i} was asked for, expected 0 .. ${labels.length - 1}`;
        });
        pictures.copyTo(rows ? rows[i]! : i, out, k * bytes);
      }
      return out;
    },
  };
}

/** Appends pictures to `pixels.bin` of an entry being made. */
export class PictureWriter {
  #file: FileHandle | undefined;
  #chunks: Uint8Array[] = [];
  #pending = 0;
  channels = '';
  constructor(readonly dir: string) {}
  get length(): number {
    return this.channels.length;
  }
  add(rgb: Uint8Array): void {
    const grey = isGrey(rgb);
    const bytes = grey ? Uint8Array.from({ length: GREY }, (_, k) => rgb[3 * k]!) : rgb.slice();
    this.channels += grey ? '1' : '3';
    this.#chunks.push(bytes);
    this.#pending += bytes.length;
  }
  /** Bytes not yet written. */
  get pending(): number {
    return this.#pending;
  }
  async flush(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#pending = 0;
    this.#file ??= await open(join(this.dir, 'pixels.bin'), 'w');
    await this.#file.writeFile(Buffer.concat(chunks));
  }
  /** Writes the rest and makes sure that it is on the disk. */
  async finish(): Promise<void> {
    await this.flush();
    await this.#file?.sync();
  }
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** What an entry of the cache holds. `index.bytes` is the length of `pixels.bin`, so a truncated one is seen. */
interface Index<T> {
  readonly key: string;
  readonly bytes: number;
  readonly channels: string;
  readonly data: T;
}
export interface Entry<T> {
  readonly data: T;
  readonly pictures: Pictures;
}

function load<T>(dir: string, key: string): Entry<T> | undefined {
  try {
    const index = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as Index<T>;
    const file = join(dir, 'pixels.bin');
    if (index.key !== key || (index.bytes > 0 && statSync(file).size !== index.bytes)) return undefined;
    const bytes = index.bytes > 0 ? readFileSync(file) : Buffer.alloc(0);
    return { data: index.data, pictures: new Pictures(bytes, index.channels) };
  } catch {
    return undefined;
  }
}

/** Removes what killed processes left: parts older than a day. */
function sweep(root: string): void {
  for (const name of readdirSync(root)) {
    if (!name.includes('.part-')) continue;
    const path = join(root, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs; // Its maker may remove it just now.
    if (changed !== undefined && Date.now() - changed > 86_400_000) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * The entry `name-key` of the cache; made when it is absent or damaged. It is built in a folder of its own and renamed when
 * complete, so a killed process leaves nothing that is believed, and two processes at once do no harm.
 * @param make draws into the writer and gives what goes into the index
 */
export async function cached<T>(
  root: string,
  name: string,
  key: string,
  make: (writer: PictureWriter) => Promise<T>,
): Promise<Entry<T>> {
  const dir = join(root, `${name}-${key}`);
  const found = load<T>(dir, key);
  if (found) return found;
  mkdirSync(root, { recursive: true });
  sweep(root);
  const part = `${dir}.part-${randomUUID()}`;
  mkdirSync(part);
  const writer = new PictureWriter(part);
  try {
    const data = await make(writer);
    await writer.finish();
    const index: Index<T> = { key, bytes: statSync(join(part, 'pixels.bin')).size, channels: writer.channels, data };
    await writeFile(join(part, 'index.json'), JSON.stringify(index), { flush: true });
    if (existsSync(dir) && !load(dir, key)) rmSync(dir, { recursive: true, force: true });
    try {
      renameSync(part, dir);
    } catch (error) {
      if (!load(dir, key)) throw error; // Otherwise another process was first, with the same pictures.
    }
  } finally {
    await writer.close();
    rmSync(part, { recursive: true, force: true });
  }
  const made = load<T>(dir, key);
  check(made, 'ERR_DATA', () => `${dir} was written but cannot be read back`);
  return made;
}
