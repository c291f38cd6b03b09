import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { beginRun, refuseOccupied } from '../../lib/cli/actions/runFolder.js';
import { beginning } from '../../lib/runtime/processes.js';
import { ready } from '../../lib/runtime/ready.js';

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
});
let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'vlltr-run-'));
});
afterEach(() => rmSync(run, { recursive: true }));

const options = (more: object = {}) => ({ run, seed: 0, ...more });
/** What a finished run and those that looked at it leave, and something of the user's. */
function fill(command: string): void {
  for (const folder of ['checkpoints', 'seed-0', 'notes']) mkdirSync(join(run, folder));
  writeFileSync(join(run, 'checkpoints', 'baseline-10.safetensors'), '');
  writeFileSync(join(run, 'config.json'), JSON.stringify({ command, seed: 0, lr: 1 }));
  for (const file of ['metrics.jsonl', 'summary.json', 'model.safetensors', 'evaluation-test.json', 'own.txt'])
    writeFileSync(join(run, file), '');
}

describe('a run folder', () => {
  it('of a run that begins holds nothing of an earlier one, and all that is not a run’s', async () => {
    fill('finetune');
    await refuseOccupied(options({ force: true }), 'finetune');
    await beginRun(options({ force: true }), 'finetune', { lr: 2 });
    expect(readdirSync(run).sort()).toEqual(['.running', 'config.json', 'notes', 'own.txt']);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))).toMatchObject({ command: 'finetune', lr: 2 });
  });

  it('of a run that goes on keeps everything, and names what differs', async () => {
    fill('finetune');
    await beginRun(options({ resume: true }), 'finetune', { lr: 1 });
    expect(existsSync(join(run, 'checkpoints', 'baseline-10.safetensors'))).toBe(true);
    expect(existsSync(join(run, 'metrics.jsonl'))).toBe(true);
    await expect(beginRun(options({ resume: true }), 'finetune', { lr: 2 })).rejects.toThrow(/\(lr: 1 → 2\)/);
  });

  it('of a run that goes on says what to do about what differs: a run of before may not say its options', async () => {
    const resumed = (said: object, begun?: object) => {
      writeFileSync(join(run, 'config.json'), JSON.stringify({ command: 'demo', seed: 0, lr: 1, commandLine: begun }));
      return beginRun(options({ resume: true }), 'demo', { lr: 2 }, { ...said });
    };
    await expect(resumed({})).rejects.toThrow(/\(lr: 1 → 2\), and does not say by which options: give those again$/);
    const begun = { data: '/pictures', view: { flip: 0.25 } };
    await expect(resumed({ ...begun, lr: 2 }, begun)).rejects.toThrow(/leave those options out to resume it/);
    await expect(resumed(begun, begun)).rejects.toThrow(/\(lr: 1 → 2\), though by the same options: files or defaults/);
  });

  it.runIf(existsSync('/proc/self'))('that the file system refuses is named, not the file that locks it', async () => {
    const begun = beginRun({ run: '/proc', seed: 0 }, 'finetune', {});
    await expect(begun).rejects.toMatchObject({
      code: 'ERR_IO',
      message: '/proc cannot be written: ENOENT: no such file or directory',
    });
  });

  it('of another command is refused, even with --force', async () => {
    fill('pretrain');
    await expect(refuseOccupied(options({ force: true }), 'finetune')).rejects.toThrow(/holds a finished pretrain run/);
    await expect(refuseOccupied(options(), 'pretrain')).rejects.toThrow(/choose another --run, or --force/);
  });

  it('in which another process runs is refused, with --resume and --force, too; a dead one counts for nothing', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await beginRun(options(), 'pretrain', {});
      const own = JSON.parse(readFileSync(join(run, '.running'), 'utf8'));
      const leave = (more: object) => writeFileSync(join(run, '.running'), JSON.stringify({ ...own, ...more }));
      leave({ pid: other.pid, beginning: beginning(other.pid!) });
      for (const more of [{}, { resume: true }, { force: true }]) {
        const message = new RegExp(`is in use: process ${other.pid} `);
        await expect(refuseOccupied(options(more), 'pretrain')).rejects.toThrow(message);
        await expect(beginRun(options(more), 'pretrain', {})).rejects.toThrow(message);
      }
      // Its number given again, a process of another machine, a file cut off.
      leave({ pid: other.pid, beginning: 'before' });
      await refuseOccupied(options(), 'pretrain');
      leave({ pid: other.pid, beginning: beginning(other.pid!), place: 'elsewhere' });
      await refuseOccupied(options(), 'pretrain');
      writeFileSync(join(run, '.running'), '{"pid":');
      await beginRun(options(), 'pretrain', {});
      expect(JSON.parse(readFileSync(join(run, '.running'), 'utf8'))).toEqual(own);
      leave({ pid: other.pid, beginning: beginning(other.pid!) });
      const gone = once(other, 'exit');
      other.kill('SIGKILL');
      await gone;
      await beginRun(options(), 'pretrain', {});
    } finally {
      other.kill('SIGKILL');
    }
  });
});
