import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { check, VlltrError } from '../errors.js';

/** One file inside a zip archive. Sizes in bytes. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly compressedSize: number;
  readonly crc: number;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  readonly offset: number;
  /** Whether its mode of Unix says that it may be executed. */
  readonly executable: boolean;
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const MAX_COMMENT = 0xffff;

/**
 * Reads zip archives such as wheels: the directory first, then single files, as streams (a library of a wheel is
 * larger than what one would hold in memory). Sizes and CRC-32 are checked. Zip64 and encryption are refused.
 * Format: PKWARE APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16.
 */
export class ZipArchive {
  private constructor(
    private readonly file: FileHandle,
    readonly path: string,
    readonly entries: readonly ZipEntry[],
  ) {}

  static async open(path: string): Promise<ZipArchive> {
    const file = await open(path, 'r');
    try {
      return new ZipArchive(file, path, await readDirectory(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** The whole content of a small file. */
  async read(entry: ZipEntry): Promise<Buffer> {
    const raw = await readAt(this.file, await this.#dataOffset(entry), entry.compressedSize, this.path);
    const data = entry.method === 0 ? raw : inflateRawSync(raw);
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
      const start = await this.#dataOffset(entry);
      const source = createReadStream(this.path, { start, end: start + entry.compressedSize - 1 });
      if (entry.method === 0) await pipeline(source, count, target);
      else await pipeline(source, createInflateRaw(), count, target);
    }
    this.#verify(entry, size, crc);
    return path;
  }

  async #dataOffset(entry: ZipEntry): Promise<number> {
    const header = await readAt(this.file, entry.offset, 30, this.path);
    check(header.readUInt32LE(0) === LOCAL_HEADER, 'ERR_SETUP', () => `${this.path}: no file header at ${entry.name}.`);
    return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  }

  #verify(entry: ZipEntry, size: number, crc: number): void {
    check(
      size === entry.size && crc === entry.crc,
      'ERR_SETUP',
      () => `${this.path}: ${entry.name} is damaged (${size} bytes, CRC ${crc}; expected ${entry.size}, ${entry.crc}).`,
    );
  }
}

async function readAt(file: FileHandle, position: number, length: number, path: string): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new VlltrError('ERR_SETUP', `${path} ends early: it is cut off or no zip archive.`);
    done += bytesRead;
  }
  return buffer;
}

async function readDirectory(file: FileHandle, path: string): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - MAX_COMMENT - 22), Math.min(size, MAX_COMMENT + 22), path);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  check(end >= 0, 'ERR_SETUP', () => `${path} is no zip archive, or is cut off (no end-of-directory record).`);
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  const start = tail.readUInt32LE(end + 16);
  check(count !== 0xffff && start !== 0xffffffff, 'ERR_SETUP', () => `${path} is a zip64 archive, which is not read.`);
  check(start + length <= size, 'ERR_SETUP', () => `${path} is damaged: its directory lies past its end.`);
  const directory = await readAt(file, start, length, path);
  const entries: ZipEntry[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    check(
      at + 46 <= length && directory.readUInt32LE(at) === DIRECTORY_ENTRY,
      'ERR_SETUP',
      () => `${path} is damaged: entry ${i} of its directory cannot be read.`,
    );
    const nameLength = directory.readUInt16LE(at + 28);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    // A name may never lead out of the folder it is unpacked into.
    check(
      !name.startsWith('/') && !name.includes('\\') && !name.split('/').includes('..') && !name.includes('\0'),
      'ERR_SETUP',
      () => `${path} holds a file with the unsafe name ${JSON.stringify(name)}.`,
    );
    check(
      (flags & 1) === 0 && (method === 0 || method === 8),
      'ERR_SETUP',
      () => `${path}: ${name} is encrypted or packed with method ${method}; stored (0) and deflated (8) are read.`,
    );
    entries.push({
      name,
      method,
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      // The mode is the upper half of the external attributes where the archive was made on Unix (3).
      executable: directory[at + 5] === 3 && (directory.readUInt16LE(at + 40) & 0o111) !== 0,
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries.filter((entry) => !entry.name.endsWith('/'));
}
