import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJson, writeAtomic, writeFileAtomic, writeJson } from '../../lib/files/atomic.js';
import { decodeBfloat16, decodeHalf, encodeHalf } from '../../lib/files/float16.js';
import { inspectSafetensors, readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vlltr-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file made by hand, not by the writer under test. */
async function handMade(name: string, header: unknown, data: Uint8Array): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([prefix, json, data]));
  return path;
}

describe('16-bit floats', () => {
  it('survive the round trip for every bit pattern', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const back = encodeHalf(decodeHalf(all));
    for (let i = 0; i < 65536; i++) if ((i & 0x7fff) <= 0x7c00) expect(back[i]).toBe(i);
  });
  it('round to nearest, ties to even', () => {
    const values = [1 / 3, 65519, 65520, -1e9, 2 ** -25, 1.0001 * 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -0];
    expect([...encodeHalf(Float32Array.from(values))]).toEqual([
      0x3555, 0x7bff, 0x7c00, 0xfc00, 0, 1, 0x3c00, 0x3c02, 0x8000,
    ]);
    expect(decodeHalf(encodeHalf([Number.NaN]))[0]).toBeNaN();
  });
  it('widen bfloat16', () => {
    expect([...decodeBfloat16(Uint16Array.of(0x3f80, 0xc049, 0x7f80))]).toEqual([1, -3.140625, Infinity]);
  });
});

describe('safetensors', () => {
  it('reads every element type of a hand-made file', async () => {
    const data = Buffer.alloc(8 + 8 + 4 + 4 + 4 + 2);
    data.writeBigInt64LE(-5n, 0);
    data.writeFloatLE(1.5, 8);
    data.writeFloatLE(-2, 12);
    data.writeInt32LE(-7, 16);
    data.writeUInt16LE(0x3c00, 20);
    data.writeUInt16LE(0xc000, 22);
    data.writeUInt16LE(0x3f80, 24);
    data.writeUInt16LE(0x4000, 26);
    data[28] = 200;
    data[29] = 3;
    const path = await handMade(
      'types.safetensors',
      {
        __metadata__: { format: 'pt' },
        i64: { dtype: 'I64', shape: [], data_offsets: [0, 8] },
        f32: { dtype: 'F32', shape: [1, 2], data_offsets: [8, 16] },
        i32: { dtype: 'I32', shape: [1], data_offsets: [16, 20] },
        f16: { dtype: 'F16', shape: [2], data_offsets: [20, 24] },
        bf16: { dtype: 'BF16', shape: [2], data_offsets: [24, 28] },
        u8: { dtype: 'U8', shape: [2], data_offsets: [28, 30] },
        empty: { dtype: 'F32', shape: [0, 3], data_offsets: [30, 30] },
      },
      data,
    );
    const { tensors, metadata } = await readSafetensors(path);
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.i64).toEqual({ data: BigInt64Array.of(-5n), shape: [], dtype: 'I64' });
    expect(tensors.f32).toEqual({ data: Float32Array.of(1.5, -2), shape: [1, 2], dtype: 'F32' });
    expect(tensors.i32!.data).toEqual(Int32Array.of(-7));
    expect(tensors.f16).toEqual({ data: Float32Array.of(1, -2), shape: [2], dtype: 'F16' });
    expect(tensors.bf16!.data).toEqual(Float32Array.of(1, 2));
    expect(tensors.u8!.data).toEqual(Uint8Array.of(200, 3));
    expect(tensors.empty!.data.length).toBe(0);
    expect(Object.keys((await readSafetensors(path, { names: ['f32'] })).tensors)).toEqual(['f32']);
    await expect(readSafetensors(path, { names: ['nope'] })).rejects.toThrow(/no tensor 'nope'/);
    expect((await inspectSafetensors(path)).entries[0]).toMatchObject({ name: 'i64', dtype: 'I64', bytes: 8 });
  });

  it('writes what it reads, aligned, with metadata', async () => {
    const path = join(folder, 'deep', 'own.safetensors');
    await writeSafetensors(
      path,
      {
        bytes: { data: Uint8Array.of(1, 2, 3), shape: [3] },
        'visual.weight': { data: Float32Array.of(1, 1 / 3, 3, 4), shape: [2, 2] },
        scale: { data: Float32Array.of(4.6), shape: [] },
        big: { data: BigInt64Array.of(1n), shape: [1] },
      },
      { metadata: { step: '7' }, checksum: true },
    );
    const { tensors, metadata } = await readSafetensors(path);
    expect(metadata.step).toBe('7');
    expect(metadata.crc32).toMatch(/^[0-9a-f]{8}$/);
    expect(tensors['visual.weight']!.data).toEqual(Float32Array.of(1, 1 / 3, 3, 4));
    expect(tensors.bytes!.data).toEqual(Uint8Array.of(1, 2, 3));
    for (const { begin, dtype } of (await inspectSafetensors(path)).entries)
      expect(begin % { I64: 8, F32: 4, U8: 1 }[dtype as 'F32']).toBe(0);
    await writeSafetensors(path, tensors, { dtype: 'F16' });
    // Tensors that name a dtype keep it.
    expect((await readSafetensors(path)).tensors['visual.weight']!.dtype).toBe('F32');
    await writeSafetensors(path, { w: { data: Float32Array.of(1 / 3), shape: [1] } }, { dtype: 'F16' });
    expect((await readSafetensors(path)).tensors.w!.data[0]).toBeCloseTo(1 / 3, 3);
  });

  it('refuses what does not fit', async () => {
    const path = join(folder, 'no.safetensors');
    const w = { data: Float32Array.of(1), shape: [2] };
    await expect(writeSafetensors(path, { w })).rejects.toThrow(/'w' has 1 values, its shape \[2\] 2/);
    await expect(writeSafetensors(path, { w: { ...w, shape: [1], dtype: 'I32' } })).rejects.toThrow(/as I32/);
    await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  it('names the file and the tensor when a file is damaged', async () => {
    const good = join(folder, 'good.safetensors');
    await writeSafetensors(good, { w: { data: new Float32Array(100), shape: [100] } }, { checksum: true });
    const bytes = await readFile(good);
    const bad = join(folder, 'bad.safetensors');
    for (const size of [0, 5, 20, bytes.length - 1]) {
      await writeFile(bad, bytes);
      await truncate(bad, size);
      await expect(readSafetensors(bad)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
      await expect(readSafetensors(bad)).rejects.toThrow(/bad\.safetensors/);
    }
    await expect(readSafetensors(bad)).rejects.toThrow(/tensor 'w' ends at byte .*cut off/);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 7]! ^= 4;
    await writeFile(bad, flipped);
    await expect(readSafetensors(bad)).rejects.toThrow(/damaged/);
    await writeFile(bad, Buffer.concat([bytes, Buffer.of(0)]));
    await expect(readSafetensors(bad)).rejects.toThrow(/tensors end at byte/);
  });

  it.each([
    ['no JSON', '{nope', 0, /no JSON/],
    ['an unknown dtype', { a: { dtype: 'Q4', shape: [1], data_offsets: [0, 1] } }, 1, /'a' has dtype "Q4"/],
    ['a bad shape', { a: { dtype: 'U8', shape: [-1], data_offsets: [0, 1] } }, 1, /'a' has shape/],
    ['a wrong span', { a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4, /'a' is F32 \[2\] = 8 bytes/],
    ['a hole', { a: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, 2, /'a' begins at byte/],
    ['no string', { __metadata__: { a: 1 } }, 0, /metadata 'a' is number/],
    [
      'an overlap',
      {
        a: { dtype: 'U8', shape: [2], data_offsets: [0, 2] },
        b: { dtype: 'U8', shape: [2], data_offsets: [1, 3] },
      },
      3,
      /'b' begins at byte/,
    ],
  ])('refuses a header with %s', async (_, header, bytes, message) => {
    const path = await handMade('header.safetensors', header, new Uint8Array(bytes));
    await expect(readSafetensors(path)).rejects.toThrow(message);
    await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });
});

describe('atomic writes', () => {
  it('keep the old content when writing fails, and leave nothing behind', async () => {
    const inner = join(folder, 'atomic');
    const path = join(inner, 'a.json');
    await writeJson(path, { a: 1 });
    await expect(
      writeAtomic(path, async (file) => {
        await file.writeFile('half');
        throw new Error('disk full');
      }),
    ).rejects.toThrow('disk full');
    expect(await readJson(path)).toEqual({ a: 1 });
    expect(await readdir(inner)).toEqual(['a.json']);
    await writeFileAtomic(path, '{');
    await expect(readJson(path)).rejects.toThrow(/a\.json is no JSON/);
    await expect(readJson(join(inner, 'b.json'))).rejects.toMatchObject({ code: 'ERR_DATA' });
  });
});
