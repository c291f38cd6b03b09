import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { beginRun, refuseOccupied } from '../../lib/cli/actions/runFolder.js';
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
    expect(readdirSync(run).sort()).toEqual(['config.json', 'notes', 'own.txt']);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))).toMatchObject({ command: 'finetune', lr: 2 });
  });

  it('of a run that goes on keeps everything, and names what differs', async () => {
    fill('finetune');
    await beginRun(options({ resume: true }), 'finetune', { lr: 1 });
    expect(existsSync(join(run, 'checkpoints', 'baseline-10.safetensors'))).toBe(true);
    expect(existsSync(join(run, 'metrics.jsonl'))).toBe(true);
    await expect(beginRun(options({ resume: true }), 'finetune', { lr: 2 })).rejects.toThrow(/\(lr: 1 → 2\)/);
  });

  it('of another command is refused, even with --force', async () => {
    fill('pretrain');
    await expect(refuseOccupied(options({ force: true }), 'finetune')).rejects.toThrow(/holds a finished pretrain run/);
    await expect(refuseOccupied(options(), 'pretrain')).rejects.toThrow(/choose another --run, or --force/);
  });
});
