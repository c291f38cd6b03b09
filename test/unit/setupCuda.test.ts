import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkCudaLibraries, mirrorCuda } from '../../lib/runtime/cudaLibraries.js';

const WHEELS = [
  'cublas/lib/libcublas.so.12',
  'cuda_nvcc/bin/ptxas',
  'cuda_nvrtc/lib/libnvrtc.so.12',
  'cuda_nvrtc/lib/libnvrtc-builtins.so.12.9',
  'cusolver/lib/libcusolver.so.11',
  'cusolver/lib/libcusolverMg.so.11',
  'cusparse/lib/libcusparse.so.12',
];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlltr-cuda-'));
  for (const name of WHEELS) {
    const path = join(folder, 'nvidia', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, name);
  }
  writeFileSync(join(folder, 'nvidia/__init__.py'), '');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the CUDA libraries', () => {
  it('are linked to where TensorFlow and they themselves look', async () => {
    const nvidia = join(folder, 'nvidia');
    const links = await linkCudaLibraries(nvidia);
    expect(links.sort()).toEqual([
      'cublas/lib/libnvrtc-builtins.so.12.9',
      'cublas/lib/libnvrtc.so.12',
      'cusparse/lib/libcusolver.so.11',
    ]);
    for (const link of links) expect(readFileSync(join(nvidia, link), 'utf8').split('/')[2]).toBe(link.split('/')[2]);
    expect(await linkCudaLibraries(nvidia)).toEqual([]);
  });

  it('of the user are mirrored by links, and the links are added to the mirror only', async () => {
    const mirror = join(folder, 'mirror');
    await mirrorCuda(join(folder, 'nvidia'), mirror);
    for (const name of WHEELS) expect(readFileSync(join(mirror, name), 'utf8')).toBe(name);
    await linkCudaLibraries(mirror);
    expect(readFileSync(join(mirror, 'cusparse/lib/libcusolver.so.11'), 'utf8')).toBe('cusolver/lib/libcusolver.so.11');
    expect(existsSync(join(folder, 'nvidia/cusparse/lib/libcusolver.so.11'))).toBe(false);
  });
});
