import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// @ts-expect-error plain JavaScript without types
import { checkPtxas, faults, parsePtxas, readable } from '../../native/cuda/check_ptxas.mjs';
// @ts-expect-error plain JavaScript without types
import { findNvcc } from '../../native/cuda/find_nvcc.mjs';

const kernel = (name: string, arch: string, memory: string, used: string) => `\
ptxas info    : Compiling entry function '${name}' for '${arch}'
ptxas info    : Function properties for ${name}
    ${memory}
ptxas info    : Used ${used}
ptxas info    : Compile time = 80.773 ms
`;
const CLEAN = '0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads';

it('reads registers and shared memory of every kernel and architecture', () => {
  const log = `ptxas info    : 0 bytes gmem
${kernel('_Z3onev', 'sm_80', CLEAN, '54 registers, used 1 barriers, 144 bytes smem, 432 bytes cmem[0]')}
${kernel('_Z3onev', 'sm_90a', CLEAN, '168 registers, used 9 barriers')}`;
  const found = parsePtxas(log);
  expect(found).toMatchObject([
    { name: '_Z3onev', arch: 'sm_80', registers: 54, shared: 144, entry: true },
    { name: '_Z3onev', arch: 'sm_90a', registers: 168, shared: 0, entry: true },
  ]);
  expect(faults(found)).toEqual([]);
});

it('finds spills, stack frames and serialised wgmma', () => {
  const wgmma = (code: string) =>
    `ptxas info    : (${code}) Potential Performance Loss: wgmma.mma_async instructions are serialized due to insufficient register resources for the wgmma pipeline in the function 'three'`;
  const log = [
    kernel('one', 'sm_80', '0 bytes stack frame, 8 bytes spill stores, 16 bytes spill loads', '255 registers'),
    kernel('two', 'sm_80', '64 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads', '32 registers'),
    kernel('three', 'sm_90a', CLEAN, '168 registers'),
    wgmma('C7510'),
    wgmma('C7508'),
    wgmma('C7514'),
    wgmma('C7609'), // another matter
    'ptxas info    : Function properties for helper',
    '    40 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads',
  ].join('\n');
  expect(faults(parsePtxas(log))).toEqual([
    'one for sm_80 spills: 8 bytes stored, 16 bytes loaded',
    'two for sm_80 keeps 64 bytes on the stack',
    expect.stringMatching(/^three for sm_90a: .*C7510/),
    expect.stringMatching(/^three for sm_90a: .*C7508/),
    expect.stringMatching(/^three for sm_90a: .*C7514/),
    'helper for sm_90a keeps 40 bytes on the stack',
  ]);
});

it('is not content with a folder in which an object of kernels has no log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-ptxas-'));
  try {
    const write = (name: string, text = '') => writeFileSync(join(folder, name), text);
    write('one.cu.o');
    write('one.cu.o.log', kernel('one', 'sm_80', CLEAN, '32 registers'));
    expect(checkPtxas([folder]).ok).toBe(true);
    write('two.cu.o');
    const { ok, text } = checkPtxas([folder]);
    expect(ok).toBe(false);
    expect(text).toContain(`there is no log of ${join(folder, 'two.cu.o')}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('shortens a name to the kernel and its template arguments', () => {
  const name = 'void vlltr::cuda::(anonymous namespace)::tile<(bool)1, 128>(vlltr::Parameter const*, int)';
  expect(readable(name)).toBe('tile<(bool)1, 128>');
  expect(readable('_Z3onev')).toBe('_Z3onev');
});

it('looks for nvcc where it was told, then in PATH, a toolkit and the usual folder', () => {
  const env = { CUDACXX: '/own/nvcc', PATH: '/a:/b', CUDA_HOME: '/wheels/nvidia/cu13' };
  const only = (path: string) => findNvcc(env, (candidate: string) => candidate === path);
  const all = ['/own/nvcc', '/a/nvcc', '/b/nvcc', '/wheels/nvidia/cu13/bin/nvcc', '/usr/local/cuda/bin/nvcc'];
  for (const path of all) expect(only(path)).toBe(path);
  expect(findNvcc(env, () => true)).toBe('/own/nvcc');
  expect(only('/elsewhere/nvcc')).toBeUndefined();
});
