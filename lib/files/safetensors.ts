/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header (name → dtype, shape, data_offsets;
 * `__metadata__` → strings), then the tensors' bytes, little-endian and row-major, without holes.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { bytesOf } from '../bytes.js';
import { check, VlltrError } from '../errors.js';
import { writeAtomic } from './atomic.js';
import { decodeBfloat16, decodeHalf, encodeHalf } from './float16.js';
import { openFile, readFully } from './readFully.js';
import { shown } from './shown.js';
import { sizeOf } from './tensorSource.js';

/** Element types this reader understands. */
export type FileDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'U8' | 'BOOL';

/** Values of a tensor in memory. */
export type FileData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor of a file. `data` is row-major; F16 and BF16 come widened to float32. */
export interface FileTensor {
  data: FileData;
  /** `[]` for a scalar. */
  shape: number[];
  /** Element type in the file. When writing: by default what `data` is. */
  dtype?: FileDtype;
}

/** Tensors of a file by name. */
export type FileTensors = Record<string, FileTensor>;

/** Content of a safetensors file. */
export interface SafetensorsFile {
  tensors: FileTensors;
  metadata: Record<string, string>;
}

const BYTES: Record<FileDtype, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 };
/** The reference implementation's limit on the header. */
const MAX_HEADER = 100_000_000;
/** Metadata key of the checksum over the data section (CRC-32, 8 hexadecimal digits). */
const CHECKSUM = 'crc32';

/** Name, element type, shape and place of each tensor, without its values. */
export interface SafetensorsEntry {
  name: string;
  dtype: FileDtype;
  shape: number[];
  /** First byte in the file. */
  begin: number;
  bytes: number;
}

/** Reads and checks the header. `entries` are in the order of their bytes. @throws VlltrError ERR_CHECKPOINT */
export async function readHeader(
  file: FileHandle,
  path: string,
): Promise<{ entries: SafetensorsEntry[]; metadata: Record<string, string> }> {
  const fail = (what: string): never => {
    throw new VlltrError('ERR_CHECKPOINT', `${path} is no valid safetensors file: ${what}`);
  };
  const fileSize = (await file.stat()).size;
  if (fileSize < 8) fail(`it has ${fileSize} bytes; expected at least 8`);
  const prefix = Buffer.alloc(8);
  await readFully(file, prefix, 0, path);
  const length = Number(prefix.readBigUInt64LE(0));
  if (length > MAX_HEADER) fail(`its header claims ${length} bytes; at most ${MAX_HEADER} are allowed`);
  if (8 + length > fileSize) fail(`its header claims ${length} bytes, the file has ${fileSize} (cut off?)`);
  const raw = Buffer.alloc(length);
  await readFully(file, raw, 8, path);
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(raw.toString('utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path} is no valid safetensors file: its header is no JSON`, { cause });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('its header is no object');

  const metadata: Record<string, string> = {};
  const entries: SafetensorsEntry[] = [];
  const start = 8 + length;
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (typeof value !== 'object' || value === null) fail('its __metadata__ is no object');
      for (const [key, text] of Object.entries(value as object)) {
        if (typeof text !== 'string') fail(`metadata '${key}' is ${typeof text}; expected a string`);
        metadata[key] = text;
      }
      continue;
    }
    const at = `tensor '${name}'`;
    if (name === '__proto__') fail(`${at} has a name that cannot be used`);
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
    if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype))
      fail(`${at} has dtype ${shown(dtype)}; expected one of ${Object.keys(BYTES).join(', ')}`);
    if (!Array.isArray(shape) || !shape.every(whole)) fail(`${at} has shape ${shown(shape)}`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole))
      fail(`${at} has data_offsets ${shown(offsets)}`);
    const [begin, end] = offsets as [number, number];
    const bytes = sizeOf(shape as number[]) * BYTES[dtype as FileDtype];
    if (end - begin !== bytes)
      fail(`${at} is ${dtype} [${String(shape)}] = ${bytes} bytes, its data_offsets span ${end - begin}`);
    if (start + end > fileSize) fail(`${at} ends at byte ${start + end}, the file at ${fileSize} (cut off?)`);
    entries.push({ name, dtype: dtype as FileDtype, shape: shape as number[], begin: start + begin, bytes });
  }
  entries.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  let expected = start;
  for (const entry of entries) {
    if (entry.begin !== expected) fail(`tensor '${entry.name}' begins at byte ${entry.begin}; expected ${expected}`);
    expected += entry.bytes;
  }
  if (expected !== fileSize) fail(`its tensors end at byte ${expected}, the file at ${fileSize}`);
  return { entries, metadata };
}

function decode(dtype: FileDtype, buffer: ArrayBuffer): FileData {
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return decodeHalf(new Uint16Array(buffer));
    case 'BF16':
      return decodeBfloat16(new Uint16Array(buffer));
    case 'I64':
      return new BigInt64Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** Header of a file only: what it holds. @throws VlltrError ERR_CHECKPOINT */
export async function inspectSafetensors(
  path: string,
): Promise<{ entries: SafetensorsEntry[]; metadata: Record<string, string> }> {
  const file = await openFile(path);
  try {
    return await readHeader(file, path);
  } finally {
    await file.close();
  }
}

/**
 * Reads a file, or with `names` only those tensors of it. Where `writeSafetensors` left a checksum it is verified
 * (whole files only).
 * @throws VlltrError ERR_CHECKPOINT naming the file and the tensor: missing, malformed, cut off, damaged
 */
export async function readSafetensors(
  path: string,
  options: { names?: readonly string[] } = {},
): Promise<SafetensorsFile> {
  const file = await openFile(path);
  try {
    const { entries, metadata } = await readHeader(file, path);
    const wanted = options.names && new Set(options.names);
    for (const name of wanted ?? [])
      check(
        entries.some((e) => e.name === name),
        'ERR_CHECKPOINT',
        () => `${path} has no tensor '${name}'`,
      );
    const tensors: FileTensors = {};
    const expected = wanted ? undefined : metadata[CHECKSUM];
    let sum = 0;
    for (const { name, dtype, shape, begin, bytes } of entries) {
      if (wanted && !wanted.has(name)) continue;
      const buffer = new ArrayBuffer(bytes);
      const view = new Uint8Array(buffer);
      await readFully(file, view, begin, `${path}: tensor '${name}'`);
      if (expected !== undefined) sum = crc32(view, sum);
      tensors[name] = { data: decode(dtype, buffer), shape, dtype };
    }
    check(
      expected === undefined || hex(sum) === expected,
      'ERR_CHECKPOINT',
      () => `${path} is damaged: its data has CRC-32 ${hex(sum)}, expected ${expected}`,
    );
    return { tensors, metadata };
  } finally {
    await file.close();
  }
}

const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');

function naturalDtype(data: FileData): FileDtype {
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof BigInt64Array) return 'I64';
  return 'U8';
}

function encode(data: FileData, dtype: FileDtype, name: string): Uint8Array {
  const natural = naturalDtype(data);
  if (dtype === 'F16' && data instanceof Float32Array) {
    const half = encodeHalf(data);
    return new Uint8Array(half.buffer);
  }
  check(
    dtype === natural || (dtype === 'BOOL' && natural === 'U8'),
    'ERR_ARGUMENT',
    () => `tensor '${name}' holds ${natural} values; they cannot be written as ${dtype}`,
  );
  return bytesOf(data);
}

/**
 * Writes a file atomically.
 * @param options.dtype 'F16' stores the float32 tensors that name no dtype of their own as half floats
 * @param options.checksum adds a CRC-32 of the data to the metadata; `readSafetensors` verifies it
 */
export async function writeSafetensors(
  path: string,
  tensors: FileTensors,
  options: { dtype?: 'F32' | 'F16'; metadata?: Record<string, string>; checksum?: boolean } = {},
): Promise<void> {
  const parts = Object.entries(tensors).map(([name, { data, shape, dtype }]) => {
    check(
      data.length === sizeOf(shape),
      'ERR_ARGUMENT',
      () => `tensor '${name}' has ${data.length} values, its shape [${shape}] ${sizeOf(shape)}`,
    );
    check(
      name !== '__metadata__' && name !== '__proto__',
      'ERR_ARGUMENT',
      () => `a tensor cannot be named '${name}' in a safetensors file`,
    );
    // A dtype that reading left behind (F16, BF16) speaks of the old file unless the values can be stored that way.
    const own = dtype === 'BF16' ? undefined : dtype;
    const type = own ?? (data instanceof Float32Array ? (options.dtype ?? 'F32') : naturalDtype(data));
    return { name, shape, type, bytes: encode(data, type, name) };
  });
  // Widest elements first keeps every tensor aligned to its element size.
  parts.sort((a, b) => BYTES[b.type] - BYTES[a.type]);
  const metadata = { ...options.metadata };
  if (options.checksum)
    metadata[CHECKSUM] = hex(parts.reduce((sum, { bytes }) => (bytes.length ? crc32(bytes, sum) : sum), 0));
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let offset = 0;
  for (const { name, shape, type, bytes } of parts) {
    header[name] = { dtype: type, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  await writeAtomic(path, async (file) => {
    await writeFully(file, prefix);
    await writeFully(file, padded);
    for (const { bytes } of parts) await writeFully(file, bytes);
  });
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 1 << 30));
    done += bytesWritten;
  }
}
