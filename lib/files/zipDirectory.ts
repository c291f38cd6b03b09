import type { FileHandle } from 'node:fs/promises';
import { check, type ErrorCode } from '../errors.js';
import { readFully } from './readFully.js';

/** One file inside a zip archive. Sizes in bytes. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly compressedSize: number;
  readonly crc: number;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  /** Of its header. */
  readonly offset: number;
  /** Where what follows it begins: no byte of the archive belongs to two entries. */
  readonly end: number;
  /** Whether its mode of Unix says that it may be executed. */
  readonly executable: boolean;
}

export const LOCAL_HEADER = 0x04034b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const DIRECTORY_ENTRY = 0x02014b50;
const EXTRA_64 = 1;
const MAX_COMMENT = 0xffff;
/** That of TensorFlow's wheel, with its thousands of headers, has two MiB. */
const MAX_DIRECTORY = 8 << 20;

interface Directory {
  count: number;
  length: number;
  start: number;
}

/** An integer of 64 bits; beyond 2^53 it is past the end of any file. */
const uint64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** Reads and checks an archive's directory; folders are left out. */
export async function readDirectory(file: FileHandle, path: string, code: ErrorCode): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const { count, length, start } = await findDirectory(file, size, path, code);
  check(start + length <= size, code, () => `${path} is damaged: its directory lies past its end.`);
  check(
    length <= MAX_DIRECTORY,
    code,
    () => `${path} has a directory of ${length} bytes; expected at most ${MAX_DIRECTORY}.`,
  );
  const directory = await bytesAt(file, start, length, path, code);
  const entries: Omit<ZipEntry, 'end'>[] = [];
  const names = new Set<string>();
  for (let i = 0, at = 0; i < count; i++) {
    const unreadable = (): string => `${path} is damaged: entry ${i} of its directory cannot be read.`;
    check(at + 46 <= length && directory.readUInt32LE(at) === DIRECTORY_ENTRY, code, unreadable);
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
    check(next <= length, code, unreadable);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    // A name may never lead out of the folder it is unpacked into.
    check(
      !name.startsWith('/') && !name.includes('\\') && !name.split('/').includes('..') && !name.includes('\0'),
      code,
      () => `${path} holds a file with the unsafe name ${JSON.stringify(name)}.`,
    );
    check(
      (flags & 1) === 0 && (method === 0 || method === 8),
      code,
      () => `${path}: ${name} is encrypted or packed with method ${method}; stored (0) and deflated (8) are read.`,
    );
    check(!names.has(name), code, () => `${path} is damaged: it holds ${name} twice.`);
    names.add(name);
    const wide = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const [whole, compressedSize, offset] = widened(
      [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)],
      wide,
    ) ?? [0, 0, Number.POSITIVE_INFINITY]; // past the end: refused below
    check(method === 8 || whole === compressedSize, code, () => {
      return `${path} is damaged: ${name} is stored, with ${compressedSize} bytes for ${whole}.`;
    });
    entries.push({
      name,
      method,
      crc: directory.readUInt32LE(at + 16),
      compressedSize,
      size: whole,
      offset,
      // The mode is the upper half of the external attributes where the archive was made on Unix (3).
      executable: directory[at + 5] === 3 && (directory.readUInt16LE(at + 40) & 0o111) !== 0,
    });
    at = next;
  }
  return withEnds(entries, start, path, code).filter((entry) => !entry.name.endsWith('/'));
}

/** Where each entry must end for the next one to begin: a "zip bomb" lets many entries share their bytes. */
function withEnds(entries: Omit<ZipEntry, 'end'>[], start: number, path: string, code: ErrorCode): ZipEntry[] {
  const order = [...entries].sort((a, b) => a.offset - b.offset);
  const ends = new Map<string, number>();
  order.forEach((entry, i) => {
    const end = order[i + 1]?.offset ?? start;
    check(entry.offset + 30 + entry.compressedSize <= Math.min(end, start), code, () => {
      return `${path} is damaged: ${entry.name} overlaps what follows it.`;
    });
    ends.set(entry.name, end);
  });
  return entries.map((entry) => ({ ...entry, end: ends.get(entry.name)! }));
}

/** Size, size in the archive, offset. */
type Sizes = [number, number, number];

/** Sizes and offset, those that do not fit 32 bits taken from the zip64 field, in its fixed order. */
function widened(narrow: Sizes, extra: Buffer): Sizes | undefined {
  if (!narrow.includes(0xffffffff)) return narrow;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== EXTRA_64) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let used = 0;
    const wide = narrow.map((value) => {
      if (value !== 0xffffffff) return value;
      used += 8;
      return used <= field.length ? uint64(field, used - 8) : Number.POSITIVE_INFINITY;
    });
    return wide.every(Number.isSafeInteger) ? (wide as Sizes) : undefined;
  }
  return undefined;
}

async function findDirectory(file: FileHandle, size: number, path: string, code: ErrorCode): Promise<Directory> {
  const from = Math.max(0, size - MAX_COMMENT - 22 - 20);
  const tail = await bytesAt(file, from, size - from, path, code);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  check(end >= 0, code, () => `${path} is no zip archive, or is cut off (no end-of-directory record).`);
  if (end < 20 || tail.readUInt32LE(end - 20) !== LOCATOR_64) {
    return {
      count: tail.readUInt16LE(end + 10),
      length: tail.readUInt32LE(end + 12),
      start: tail.readUInt32LE(end + 16),
    };
  }
  const at = uint64(tail, end - 12);
  check(at + 56 <= size, code, () => `${path} is damaged: its zip64 record lies past its end.`);
  const record = await bytesAt(file, at, 56, path, code);
  check(record.readUInt32LE(0) === END_OF_DIRECTORY_64, code, () => `${path} is damaged: it has no zip64 record.`);
  return { count: uint64(record, 32), length: uint64(record, 40), start: uint64(record, 48) };
}

async function bytesAt(file: FileHandle, position: number, length: number, path: string, code: ErrorCode) {
  const buffer = Buffer.alloc(length);
  await readFully(file, buffer, position, path, code);
  return buffer;
}
