import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CUDA_PACKAGE, cudaPackage } from '../../bindings/cudaPackage.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vl-ltr-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const resolve = (id: string) => {
  expect(id).toBe(`${CUDA_PACKAGE}/package.json`);
  return join(folder, 'package.json');
};
const install = (version: string, files: string[]) => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: CUDA_PACKAGE, version }));
  for (const file of files) writeFileSync(join(folder, file), '');
};

it('finds the addon of the same version', () => {
  install('1.2.3', ['vl_ltr.node']);
  expect(cudaPackage('1.2.3', resolve)).toEqual({ addon: join(folder, 'vl_ltr.node') });
});

it('says why another one cannot serve', () => {
  install('1.2.4', ['vl_ltr.node']);
  const { addon, mismatch } = cudaPackage('1.2.3', resolve);
  expect(addon).toBeUndefined();
  expect(mismatch).toMatch(/1\.2\.4 is installed beside vl-ltr 1\.2\.3, expected the same version/);
  install('1.2.4', []);
  expect(cudaPackage('1.2.4', resolve).mismatch).toBeUndefined();
  rmSync(join(folder, 'vl_ltr.node'));
  expect(cudaPackage('1.2.4', resolve).mismatch).toMatch(/no vl_ltr\.node/);
});

it('is nothing where it is not installed', () => {
  expect(cudaPackage('1.2.3')).toEqual({});
});
