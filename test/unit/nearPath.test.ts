import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inherit } from '../../lib/cli/actions/inherit.js';
import { anyPath } from '../../lib/cli/actions/modelPath.js';
import { openFolder } from '../../lib/data/openPictures.js';
import { nearPath } from '../../lib/files/nearPath.js';
import { literally } from '../support/literally.js';

const root = mkdtempSync(join(tmpdir(), 'vlltr-near-'));
const at = (...names: string[]): string => join(root, ...names);
beforeAll(() => {
  for (const name of ['pictures', 'stage1', 'stage2', 'else', '.hidden']) mkdirSync(at(name));
  writeFileSync(at('weights.safetensors'), '');
});
afterAll(() => rmSync(root, { recursive: true }));

it('a path that does not exist is told from those beside it, where one is near', () => {
  expect(nearPath(at('pcitures'))).toBe(`; did you mean ${at('pictures')}?`);
  expect(nearPath(at('stage3'))).toBe(`; did you mean ${at('stage1')} or ${at('stage2')}?`);
  expect(nearPath(at('weights.safetensor'))).toBe(`; did you mean ${at('weights.safetensors')}?`);
  for (const far of ['.hiden', 'completely-different', 'none/pictures']) expect(nearPath(at(far))).toBe('');
});

it('is so for data, models and runs', async () => {
  const meant = (name: string) =>
    new RegExp(`does not exist; expected .*; did you mean ${literally(at(name))}( or .*)?\\?$`);
  await expect(openFolder(at('picture'), { imageSize: 4 })).rejects.toThrow(meant('pictures'));
  expect(() => anyPath(at('stag1'))).toThrow(meant('stage1'));
  await expect(inherit(undefined, {}, at('stge2'))).rejects.toThrow(meant('stage2'));
  await expect(inherit(undefined, {}, undefined)).rejects.toThrow(/^name the data, or a run that knows it$/);
});
