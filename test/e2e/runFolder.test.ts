import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, dyingAt } from '../support/cli.js';
import { FAST, workspace } from '../support/workspace.js';

const { at, json, from, fill } = workspace('run');
beforeAll(fill);

describe('a run folder', () => {
  const args = (...more: string[]): string[] => [
    ...['pretrain', at('split'), ...from(), '--run', at('long'), '--checkpoint-every', '2', '--beta', '0', ...FAST],
    ...more,
  ];

  it('--dry-run prints the whole configuration and writes nothing', async () => {
    const done = await cli(args('--steps', '7', '--dry-run', '--json'));
    expect(done.code, done.stderr).toBe(0);
    const { command, data, options, ...models } = JSON.parse(done.stdout);
    expect([command, data, options.steps, options.distillWeight]).toEqual(['pretrain', at('split'), 7, 0]);
    expect([models.from, models.teacher]).toEqual([at('clip.safetensors'), at('clip.safetensors')]);
    const shipped = JSON.parse((await cli(['pretrain', at('split'), '--dry-run', '--json'])).stdout);
    expect([shipped.from, shipped.teacher]).toEqual(
      Array(2).fill(expect.stringMatching(/icon-lt-teacher.safetensors$/)),
    );
    expect(options.weightDecay).toBeGreaterThan(0);
    expect(existsSync(at('long'))).toBe(false);
  });

  it("the authors' schedule and treatment of the logit scale are options, and part of the configuration", async () => {
    const options = async (...more: string[]) =>
      JSON.parse((await cli([...more, '--dry-run', '--json'])).stdout).options;
    const flags = ['--schedule', 'epoch-cosine', '--decay-scalars', '--free-logit-scale'];
    for (const command of [['pretrain', at('split')], ['clip']]) {
      expect(await options(...command)).toMatchObject({
        schedule: 'cosine',
        decayScalars: false,
        freeLogitScale: false,
      });
      expect(await options(...command, ...flags)).toMatchObject({
        schedule: 'epoch-cosine',
        decayScalars: true,
        freeLogitScale: true,
      });
    }
    const finetune = ['finetune', at('split'), '--schedule', 'epoch-cosine'];
    expect(await options(...finetune)).toMatchObject({ schedule: 'epoch-cosine' });
  });

  it('stopped by Ctrl-C keeps its checkpoint, exits 130, and goes on only as it was begun', async () => {
    const stopped = await cli(args('--steps', '100000'), { env: dyingAt('pretrain-4.safetensors', 'SIGINT') });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toMatch(/pretrain was stopped after step \d+/);
    expect(stopped.stderr).toContain(`(vl-ltr pretrain --run ${at('long')} --resume)`);
    expect(existsSync(at('long', 'summary.json'))).toBe(false);

    const config = readFileSync(at('long', 'config.json'), 'utf8');
    const before = readdirSync(at('long', 'checkpoints'));
    expect(before).toContain('pretrain-4.safetensors');
    const anew = await cli(args('--steps', '100000'));
    expect(anew.code).toBe(1);
    expect(anew.stderr).toMatch(/unfinished pretrain run; add --resume to go on, or --force/);
    const other = await cli(args('--steps', '9', '--resume'));
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/options\.steps: 100000 → 9/);
    const alone = await cli(['pretrain', '--run', at('long'), '--steps', '9', '--resume']);
    expect(alone.code).toBe(1);
    expect(alone.stderr).toMatch(
      /another configuration \(options\.steps: 100000 → 9, [^)]*\); leave those options out/,
    );
    const misspelt = await cli(['pretrain', '--run', at('lnog'), '--resume']);
    expect(misspelt.code).toBe(1);
    expect(misspelt.stderr).toMatch(/lnog holds no pretrain run to resume; in .*, did you mean long\?/);
    expect(existsSync(at('lnog'))).toBe(false);
    expect(readFileSync(at('long', 'config.json'), 'utf8')).toBe(config);
    expect(readdirSync(at('long', 'checkpoints'))).toEqual(before);

    const forced = await cli(args('--steps', '2', '--force'));
    expect(forced.code, forced.stderr).toBe(0);
    expect(json('long', 'config.json').options.steps).toBe(2);
    const foreign = await cli(['finetune', at('split'), '--from', at('long'), '--run', at('long')]);
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toContain('holds a finished pretrain run; give finetune a folder of its own');
    expect(existsSync(at('long', 'model.safetensors'))).toBe(true);
    const both = await cli(args('--resume', '--force'));
    expect(both.code).toBe(2);
  });

  it('of stage 2, killed while it trains and resumed, gives the numbers and the model of an unbroken run', async () => {
    const tune = (run: string, ...more: string[]): string[] => [
      ...[
        'finetune',
        at('split'),
        ...from(),
        '--run',
        at(run),
        '--steps',
        '40',
        '--encoder-rate',
        '1',
        '--anchors',
        '2',
      ],
      ...['--checkpoint-every', '4', ...FAST, '--evaluate-every', '10', '--mixup', '--json', ...more],
    ];
    const whole = await cli(tune('whole'));
    expect(whole.code, whole.stderr).toBe(0);
    const cut = await cli(tune('cut'), { env: dyingAt('finetune-12.safetensors') });
    expect(cut.code).toBeNull();
    // Its metrics are of two updates that no checkpoint has.
    expect(readdirSync(at('cut', 'checkpoints')).sort()).toEqual([
      expect.stringMatching(/^finetune-12\.safetensors\..*\.partial$/),
      'finetune-4.safetensors',
      'finetune-8.safetensors',
    ]);
    expect(existsSync(at('cut', 'model.safetensors'))).toBe(false);
    // The run knows its settings itself.
    const resumed = await cli(['finetune', '--run', at('cut'), '--resume', '--json']);
    expect(resumed.code, resumed.stderr).toBe(0);

    const summary = ({ stdout }: { stdout: string }) => ({
      ...JSON.parse(stdout.replaceAll(at('cut'), at('whole'))),
      trainingSeconds: undefined,
    });
    expect(summary(resumed)).toEqual(summary(whole));
    expect(summary(whole).results).toBeDefined();
    const metrics = (run: string) =>
      readFileSync(at(run, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => ({ ...JSON.parse(line), seconds: undefined }));
    expect(metrics('cut')).toEqual(metrics('whole'));
    expect(metrics('cut').at(-1).step).toBe(40);
    const bytes = (run: string) => readFileSync(at(run, 'model.safetensors'));
    expect(bytes('cut').equals(bytes('whole'))).toBe(true);
  });

  it('that has not finished is no model', async () => {
    mkdirSync(at('half'));
    writeFileSync(at('half', 'config.json'), '{"command": "pretrain"}');
    const found = await cli(['finetune', at('split'), '--from', at('half'), '--run', at('y')]);
    expect(found.code).toBe(1);
    expect(found.stderr).toContain('half has no model.safetensors: its run has not finished');
  });
});
