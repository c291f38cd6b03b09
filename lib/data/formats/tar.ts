import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { check, VlltrError } from '../../errors.js';

/*
 * A reader of its own, since it needs places in the archive rather than a stream: a header is read, the data behind it
 * skipped, and a picture is later read from where it lies. Formats: POSIX.1-1988 and .1-2001 (pax), GNU.
 */

const BLOCK = 512;
/** Read at a time: a header, small files and the next header with it; the data of pictures is skipped. */
const WINDOW = 4096;
/** Headers of long names and small members, in bytes. */
const LARGEST_TEXT = 1 << 20;

/** A file in an archive. */
export interface Member {
  name: string;
  /** Where its bytes begin in the archive, and how many there are. */
  offset: number;
  size: number;
}

/** An archive that is being looked through; reads are small, many and in order, so they are synchronous. */
class Archive {
  readonly size: number;
  private readonly fd: number;
  private readonly window = Buffer.allocUnsafe(WINDOW);
  private from = 0;
  private filled = 0;

  constructor(readonly file: string) {
    try {
      this.fd = openSync(file, 'r');
      this.size = fstatSync(this.fd).size;
    } catch (cause) {
      throw new VlltrError('ERR_DATA', `${file} cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Bytes [at, at + length); fewer at the end of the file. */
  bytes(at: number, length: number): Buffer {
    if (length > WINDOW) {
      const own = Buffer.allocUnsafe(length);
      return own.subarray(0, readSync(this.fd, own, 0, length, at));
    }
    if (at < this.from || at + length > this.from + this.filled) {
      this.filled = readSync(this.fd, this.window, 0, WINDOW, at);
      this.from = at;
    }
    return this.window.subarray(at - this.from, Math.min(at - this.from + length, this.filled));
  }
}

const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

/** A number of a header: octal digits, or (GNU) binary behind a set bit. NaN where it is neither. */
function numberOf(bytes: Buffer): number {
  if (bytes[0]! & 0x80) {
    let value = bytes[0]! & 0x7f;
    for (const byte of bytes.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const digits = text(bytes).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The sum of a header's bytes, its own field counted as spaces. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  return sum;
}

/** `path` and `size` of a pax header, `LENGTH KEY=VALUE\n` each. */
function paxOf(bytes: Buffer, complain: (what: string) => never): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > bytes.length)
      complain('an extended header that is none; expected "LENGTH KEY=VALUE"');
    const entry = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = entry.indexOf('=');
    const [key, value] = [entry.slice(0, equals), entry.slice(equals + 1)];
    if (key === 'path') found.path = value;
    if (key === 'size') found.size = Number(value);
    at += length;
  }
  return found;
}

/**
 * The files of a tar archive in its order. Folders and links are passed over.
 * @param wanted whether the text of a small member is to be handed on with it
 * @throws VlltrError ERR_DATA naming archive and byte where it is damaged or cut off
 */
export function* tarMembers(
  file: string,
  wanted: (name: string) => boolean = () => false,
): Generator<Member & { text?: string }> {
  const archive = new Archive(file);
  try {
    let at = 0;
    let next: { path?: string; size?: number } = {};
    const fail = (what: string): never => {
      throw new VlltrError('ERR_DATA', `${file}, byte ${at}: ${what}`);
    };
    if (archive.size === 0) fail('the file is empty; expected a tar archive');
    const magic = archive.bytes(0, 4);
    if (magic[0] === 0x1f && magic[1] === 0x8b)
      fail('the archive is compressed; expected a plain tar, whose pictures can be read one by one (gunzip it)');
    for (;;) {
      const header = archive.bytes(at, BLOCK);
      if (header.length < BLOCK) fail('the archive is cut off; expected two empty blocks at its end');
      if (header[0] === 0 && header.every((byte) => byte === 0)) return;
      if (numberOf(header.subarray(148, 156)) !== checksum(header))
        fail('no header of a tar archive, or a damaged one');
      const type = String.fromCharCode(header[156]!);
      const stated = numberOf(header.subarray(124, 136));
      const size = type === 'x' || type === 'g' || type === 'L' || type === 'K' ? stated : (next.size ?? stated);
      // Links and folders have no data, whatever size stands there.
      const data = '123456'.includes(type) ? 0 : size;
      if (!Number.isSafeInteger(data) || data < 0) fail('a member of no size; expected a number');
      const offset = at + BLOCK;
      if (offset + data > archive.size)
        fail(`the archive is cut off: ${data} bytes should follow, ${archive.size - offset} do`);
      if (type === 'S') fail('a sparse file; expected plain ones');
      if (type === 'x' || type === 'L') {
        if (data > LARGEST_TEXT) fail(`a name of ${data} bytes; expected at most ${LARGEST_TEXT}`);
        const bytes = archive.bytes(offset, data);
        next = type === 'L' ? { ...next, path: text(bytes) } : { ...next, ...paxOf(bytes, fail) };
      } else {
        if (type === '0' || type === '\0' || type === '7') {
          const prefix =
            header.toString('latin1', 257, 262) === 'ustar' && header[262] === 0 ? text(header.subarray(345, 500)) : '';
          const own = text(header.subarray(0, 100));
          const name = next.path ?? (prefix ? `${prefix}/${own}` : own);
          const small = wanted(name);
          if (small && data > LARGEST_TEXT)
            fail(`${name} has ${data} bytes; expected a label of at most ${LARGEST_TEXT}`);
          if (!name.endsWith('/'))
            yield { name, offset, size: data, ...(small && { text: archive.bytes(offset, data).toString('utf8') }) };
        }
        if (type !== 'g' && type !== 'K') next = {};
      }
      at = offset + Math.ceil(data / BLOCK) * BLOCK;
    }
  } finally {
    archive.close();
  }
}

const checkWhole = (file: string, offset: number, size: number, bytesRead: number): void =>
  check(
    bytesRead === size,
    'ERR_DATA',
    () => `${file} ends at byte ${offset + bytesRead}, expected ${offset + size}: it was cut off`,
  );

/** Bytes of a member; errors of the file system as they are. @throws VlltrError ERR_DATA where the archive was cut off */
export async function readMember(file: string, offset: number, size: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.allocUnsafe(size);
    const { bytesRead } = await handle.read(bytes, 0, size, offset);
    checkWhole(file, offset, size, bytesRead);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** The same, with the thread waiting. */
export function readMemberSync(file: string, offset: number, size: number): Buffer {
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.allocUnsafe(size);
    checkWhole(file, offset, size, readSync(handle, bytes, 0, size, offset));
    return bytes;
  } finally {
    closeSync(handle);
  }
}
