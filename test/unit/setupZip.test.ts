import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZipArchive } from '../../lib/files/zip.js';
import { planCuda } from '../../lib/runtime/wheels.js';
import { zip } from '../support/zipWriter.js';

let folder: string;
let archives = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlltr-zip-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function archive(bytes: Buffer): Promise<ZipArchive> {
  const path = join(folder, `${archives++}.zip`);
  writeFileSync(path, bytes);
  return ZipArchive.open(path);
}

const text = 'libtensorflow '.repeat(5000);

describe('ZipArchive', () => {
  it('reads and unpacks stored, deflated and empty files', async () => {
    const made = await archive(
      zip({ 'a/deflated.txt': text, 'a/b/stored.bin': Buffer.from([0, 1, 2]), 'a/empty': '' }),
    );
    expect(made.entries.map(({ name, size }) => [name, size])).toEqual([
      ['a/deflated.txt', text.length],
      ['a/b/stored.bin', 3],
      ['a/empty', 0],
    ]);
    let bytes = 0;
    for (const entry of made.entries) {
      const path = await made.extract(entry, join(folder, 'out'), (count) => {
        bytes += count;
      });
      expect(readFileSync(path)).toEqual(await made.read(entry));
    }
    expect(bytes).toBe(text.length + 3);
    expect(readFileSync(join(folder, 'out/a/deflated.txt'), 'utf8')).toBe(text);
    await made.close();
  });

  it('makes executable what was so on Unix, and nothing else', async () => {
    const made = await archive(zip({ 'bin/ptxas': 'run', 'lib/library.so': 'load' }, { 'bin/ptxas': 0o755 }));
    expect(made.entries.map(({ executable }) => executable)).toEqual([true, false]);
    const modes = [];
    for (const entry of made.entries)
      modes.push(statSync(await made.extract(entry, join(folder, 'modes'))).mode & 0o100);
    expect(modes).toEqual([0o100, 0]);
    await made.close();
  });

  it('refuses what is cut off, damaged or no archive', async () => {
    const whole = zip({ 'a.txt': text });
    const refused = { code: 'ERR_SETUP' };
    await expect(archive(whole.subarray(0, whole.length - 30))).rejects.toMatchObject(refused);
    await expect(archive(Buffer.from('<html>not found</html>'))).rejects.toThrow(/no zip archive/);
    const changed = Buffer.from(zip({ 'a.bin': Buffer.from([1, 2, 3, 4]) }));
    changed[30 + 'a.bin'.length]! ^= 1;
    const damaged = await archive(changed);
    await expect(damaged.read(damaged.entries[0]!)).rejects.toThrow(/a\.bin is damaged/);
    await expect(damaged.extract(damaged.entries[0]!, join(folder, 'damaged'))).rejects.toThrow(/is damaged/);
    await damaged.close();
  });

  it('refuses names that lead out of the folder', async () => {
    for (const name of ['../evil', '/etc/evil', 'a/../../evil', 'a\\evil']) {
      await expect(archive(zip({ [name]: 'x' }))).rejects.toThrow(/unsafe name/);
    }
  });
});

describe('planCuda', () => {
  it('takes the NVIDIA wheels of the extra and-cuda, pinned, less what is never opened, and no others', () => {
    const plan = planCuda(
      [
        'Metadata-Version: 2.4',
        'Requires-Dist: numpy<2.2,>=1.26.0',
        'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
        'Requires-Dist: nvidia-curand-cu12<11.0,>=10.3.6.82; extra == "and-cuda"',
        'Requires-Dist: nvidia-new-thing-cu12 (<3.0,>=2.1) ; extra == "and-cuda"',
        'Requires-Dist: nvidia-cudnn-cu12<10.0; extra == "other"',
        '',
        'Requires-Dist: nvidia-nccl-cu12; extra == "and-cuda"',
      ].join('\n'),
    );
    expect(plan.map(({ requirement }) => requirement)).toEqual([
      'nvidia-cublas-cu12==12.9.3.13',
      'nvidia-new-thing-cu12<3.0,>=2.1',
    ]);
    expect(plan[0]!.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(plan.map(({ size }) => size)).toEqual([581_217_458, 0]);
  });
});
