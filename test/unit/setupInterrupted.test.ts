import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sweep, withWorkFolder } from '../../lib/runtime/workFolder.js';
import { cli } from '../support/cli.js';

let folder: string;
let parent: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlltr-interrupted-'));
  parent = join(folder, 'vl-ltr');
  mkdirSync(parent);
});
afterEach(() => rmSync(folder, { recursive: true }));

const linux = process.platform === 'linux' && process.arch === 'x64';
describe.skipIf(!linux)('a set-up that is broken off in its download', () => {
  /** A pip that is a script around another process, and says its number before it hangs. */
  function hangingPip(): NodeJS.ProcessEnv {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    const script = `#!/bin/sh\n[ "$3" = --version ] && exit 0\nsh -c 'echo $$ > "${folder}/pid"; exec sleep 600'\n`;
    writeFileSync(join(bin, 'python3'), script);
    chmodSync(join(bin, 'python3'), 0o755);
    const unset = { VLLTR_TENSORFLOW_DIR: '', VLLTR_TENSORFLOW_WHEEL: '', VLLTR_BACKEND: '', VLLTR_DEVICE: '' };
    return { ...unset, XDG_CACHE_HOME: folder, PATH: `${bin}:${process.env.PATH}` };
  }
  const pip = () => Number(existsSync(join(folder, 'pid')) && readFileSync(join(folder, 'pid'), 'utf8'));

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('by %s ends pip and leaves nothing', async (signal) => {
    const { code, stderr } = await cli(['setup'], { env: hangingPip(), kill: () => pip() > 0, signal });
    expect(code, stderr).toBeNull(); // ended by the signal itself
    expect(readdirSync(parent)).toEqual([]);
    while (running(pip())) await setTimeout(10); // it dies in its own time
  });

  it('by SIGKILL leaves a folder that the next set-up removes', async () => {
    const env = hangingPip();
    await cli(['setup'], { env, kill: () => pip() > 0 });
    process.kill(pip(), 'SIGKILL');
    expect(readdirSync(parent)).toEqual([expect.stringMatching(/^\.setup-/)]);
    const again = await cli(['setup'], { env: { ...env, PATH: join(folder, 'empty') } });
    expect(again.stderr).toContain('pip (Python) was not found');
    expect(readdirSync(parent)).toEqual([]);
  });
});

/** Whether a process runs; one that has ended and waits to be reaped does not. */
function running(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('work folders', () => {
  it('are removed afterwards, whatever happens', async () => {
    const failing = withWorkFolder(parent, async (work) => {
      writeFileSync(join(work, 'half'), '');
      throw new Error('no space left');
    });
    await expect(failing).rejects.toThrow('no space left');
    expect(await withWorkFolder(parent, async (work) => existsSync(work))).toBe(true);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('of other living processes stay, and those of other machines until an hour after their last file', async () => {
    const own = await withWorkFolder(parent, async (work) => {
      await sweep(parent);
      expect(existsSync(work)).toBe(true);
      return work;
    });
    const elsewhere = join(parent, '.setup-1-0123abcd-xyz');
    mkdirSync(elsewhere);
    const dead = own.replace(`-${process.pid}-`, '-99999999-');
    mkdirSync(dead);
    mkdirSync(join(parent, 'tensorflow'));
    const file = join(elsewhere, 'part');
    writeFileSync(file, '');
    const past = Date.now() / 1000 - 4000;
    utimesSync(elsewhere, past, past); // its file is new
    await sweep(parent);
    expect(readdirSync(parent).sort()).toEqual(['.setup-1-0123abcd-xyz', 'tensorflow']);
    utimesSync(file, past, past);
    await sweep(parent);
    expect(readdirSync(parent)).toEqual(['tensorflow']);
  });
});
