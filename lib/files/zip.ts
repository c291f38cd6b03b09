import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { check, type ErrorCode, VlltrError } from '../errors.js';
import { readFully } from './readFully.js';
import { LOCAL_HEADER, readDirectory, type ZipEntry } from './zipDirectory.js';

export type { ZipEntry } from './zipDirectory.js';

/**
 * Reads zip archives such as wheels and PyTorch's checkpoints: the directory first, then single files, as streams (a
 * library of a wheel is larger than what one would hold in memory) or as ranges of the archive. Sizes and CRC-32 are
 * checked. Encryption is refused. Format: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 and 4.3.12 to 4.3.16.
 */
export class ZipArchive {
  private constructor(
    /** The archive itself, for ranges that `dataOffset` names. */
    readonly file: FileHandle,
    readonly path: string,
    readonly entries: readonly ZipEntry[],
    private readonly code: ErrorCode,
  ) {}

  /** @param code of the errors: what the archive is for */
  static async open(path: string, code: ErrorCode = 'ERR_SETUP'): Promise<ZipArchive> {
    const file = await open(path, 'r');
    try {
      return new ZipArchive(file, path, await readDirectory(file, path, code), code);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** The whole content of a small file; one of more than `limit` bytes is refused, whatever size it claims. */
  async read(entry: ZipEntry, limit = 2 ** 31 - 1): Promise<Buffer> {
    check(entry.size <= limit && entry.compressedSize <= limit, this.code, () => {
      return `${this.path}: ${entry.name} has ${Math.max(entry.size, entry.compressedSize)} bytes, expected at most ${limit}`;
    });
    const raw = await this.#readAt(await this.dataOffset(entry), entry.compressedSize);
    const data = entry.method === 0 ? raw : this.#inflate(entry, raw);
    this.#verify(entry, data.length, crc32(data));
    return data;
  }

  /** Unpacks one file below `folder`, under its name in the archive. `onBytes` is told the bytes as they are written. */
  async extract(entry: ZipEntry, folder: string, onBytes?: (count: number) => void): Promise<string> {
    const path = join(folder, entry.name);
    await mkdir(dirname(path), { recursive: true });
    let size = 0;
    let crc = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        crc = crc32(chunk, crc);
        onBytes?.(chunk.length);
        done(null, chunk);
      },
    });
    const target = createWriteStream(path, { flags: 'wx', mode: entry.executable ? 0o777 : 0o666 }); // less the umask
    if (entry.size === 0) {
      await new Promise<void>((resolve, reject) => target.on('error', reject).end(resolve));
    } else {
      const start = await this.dataOffset(entry);
      const source = createReadStream(this.path, { start, end: start + entry.compressedSize - 1 });
      if (entry.method === 0) await pipeline(source, count, target);
      else await pipeline(source, createInflateRaw(), count, target);
    }
    this.#verify(entry, size, crc);
    return path;
  }

  /** First byte of an entry's data in the archive. */
  async dataOffset(entry: ZipEntry): Promise<number> {
    const header = await this.#readAt(entry.offset, 30);
    check(header.readUInt32LE(0) === LOCAL_HEADER, this.code, () => `${this.path}: no file header at ${entry.name}.`);
    const begin = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    check(begin + entry.compressedSize <= entry.end, this.code, () => {
      return `${this.path} is damaged: ${entry.name} overlaps what follows it.`;
    });
    return begin;
  }

  #inflate(entry: ZipEntry, raw: Buffer): Buffer {
    try {
      return inflateRawSync(raw, { maxOutputLength: Math.max(1, entry.size) });
    } catch (cause) {
      const what = `${this.path}: ${entry.name} is damaged (${(cause as Error).message}; expected ${entry.size} bytes).`;
      throw new VlltrError(this.code, what, { cause });
    }
  }

  async #readAt(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    await readFully(this.file, buffer, position, this.path, this.code);
    return buffer;
  }

  #verify(entry: ZipEntry, size: number, crc: number): void {
    check(
      size === entry.size && crc === entry.crc,
      this.code,
      () => `${this.path}: ${entry.name} is damaged (${size} bytes, CRC ${crc}; expected ${entry.size}, ${entry.crc}).`,
    );
  }
}
