import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Memory } from '../support/memory.js';
import { Participant } from '../support/participant.js';
import { median, timing } from '../support/statistics.js';
import { type Contender, node, REFERENCE, takesPart } from './contenders.js';
import {
  type Accounted,
  FIRST_STEPS,
  type Greeting,
  type Mode,
  type Prepared,
  type Ran,
  type TorchOptions,
} from './protocol.js';
import { type ModeResult, type RowResult, results } from './report.js';
import type { Row } from './rows.js';

/** A contender at work on a row. */
interface Running {
  contender: Contender;
  participant: Participant;
}

/** A contender's timings of one mode. */
interface Measured {
  prepared: Prepared;
  seconds: number[];
  memory: Memory[];
}

/**
 * Measures a row. Every contender gets a process of its own, fresh for the row, and all take turns. A contender that
 * fails is left out from there on and the result says why.
 */
export async function measureRow(row: Row, contenders: readonly Contender[], repeats: number): Promise<RowResult> {
  const folder = await mkdtemp(join(tmpdir(), 'vlltr-bench-'));
  const running: Running[] = [];
  try {
    const losses = await reference(row, folder);
    const result: RowResult = {
      row: row.name,
      kind: row.kind,
      batch: row.batch,
      visual: row.config.visual,
      ...('tokens' in row ? { tokens: row.tokens } : {}),
      losses,
      contenders: {},
      formulas: {},
      modes: {},
      accounts: {},
      failures: {},
    };
    const taking = contenders.filter((contender) => takesPart(contender, row));
    for (const contender of taking) {
      const participant = new Participant(contender.name, contender.command(folder));
      running.push({ contender, participant });
      await attempt(running, { contender, participant }, result, async () => {
        result.contenders[contender.name] = (await participant.hear<Greeting>()).what;
      });
    }
    for (const mode of row.modes) {
      const measured = await measureMode(mode, row, folder, running, result, repeats);
      result.modes[mode] = modeResult(measured);
      if (mode === row.modes[0]) await account(running, result);
    }
    return result;
  } finally {
    for (const { participant } of running) await participant.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the row's files and takes the first steps, which the contenders' must equal; gives their losses. */
async function reference(row: Row, folder: string): Promise<number[]> {
  const participant = new Participant('reference', node(REFERENCE));
  try {
    await participant.hear<Greeting>();
    await participant.ask({ do: 'write', row, folder });
    const request = { do: 'prepare', row, folder, mode: 'update', steps: FIRST_STEPS };
    return (await participant.ask<Prepared>(request)).losses;
  } finally {
    await participant.close();
  }
}

/** Does something with a contender, which is left out if that fails. */
async function attempt(
  running: Running[],
  one: Running,
  result: RowResult,
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const { name, required } = one.contender;
    result.failures[name] = {
      why: (error as Error).message,
      fatal: required === true || error instanceof OtherStep,
    };
    const at = running.findIndex(({ participant }) => participant === one.participant);
    if (at >= 0) running.splice(at, 1);
    await one.participant.close();
    return false;
  }
}

async function measureMode(
  mode: Mode,
  row: Row,
  folder: string,
  running: Running[],
  result: RowResult,
  repeats: number,
): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>();
  const prepare = (one: Running, format?: TorchOptions['format']) =>
    attempt(running, one, result, async () => {
      const { name, torch, patience } = one.contender;
      const request = { do: 'prepare', row, folder, mode, steps: FIRST_STEPS, format, ...torch };
      const prepared = await one.participant.ask<Prepared>(request, patience);
      checkLosses(prepared.losses, mode, one.contender, result.losses);
      measured.set(name, { prepared, seconds: [], memory: [] });
      result.formulas[name] = prepared.formula;
    });
  const turn = (one: Running) =>
    attempt(running, one, result, async () => {
      // The first step of a turn finds cold caches and sleeping threads; it is not counted.
      const ran = await one.participant.ask<Ran>({ do: 'run', steps: row.steps + 1 });
      const { seconds, memory } = measured.get(one.contender.name)!;
      seconds.push(...ran.seconds.slice(1));
      if (ran.memory) memory.push(ran.memory);
    });

  const following = ({ contender }: Running): boolean => contender.torch !== undefined && !contender.torch.format;
  for (const one of running.filter((one) => !following(one))) await prepare(one);
  if (running.some(following)) {
    const format = await fasterFormat(running, row, measured, turn);
    for (const one of running.filter(following)) await prepare(one, format);
  }
  for (let repeat = 0; repeat < repeats; repeat++) {
    // There and back, so that none always follows the same one.
    const order = [...running];
    if (repeat % 2) order.reverse();
    for (const one of order) await turn(one);
  }
  for (const name of Object.keys(result.failures)) measured.delete(name);
  return measured;
}

/** The memory format in which PyTorch's eager step is faster here; a few turns tell, and are not counted. */
async function fasterFormat(
  running: Running[],
  row: Row,
  measured: Map<string, Measured>,
  turn: (one: Running) => Promise<boolean>,
): Promise<TorchOptions['format']> {
  const eager = running.filter(({ contender }) => contender.torch?.format);
  if (eager.length < 2)
    return eager[0]?.contender.torch?.format ?? (row.kind === 'text' ? 'contiguous' : 'channels_last');
  for (let i = 0; i < 3; i++) for (const one of eager) await turn(one);
  const speeds = eager
    .filter(({ contender }) => measured.get(contender.name)?.seconds.length)
    .map(({ contender }) => ({ format: contender.torch!.format!, speed: take(measured.get(contender.name)!) }));
  return speeds.sort((a, b) => a.speed - b.speed)[0]?.format ?? 'contiguous';
}

/** The median of what was measured so far, which is then forgotten. */
function take(measured: Measured): number {
  measured.memory = [];
  return median(measured.seconds.splice(0));
}

/** A contender computes something else. */
class OtherStep extends Error {}

/** All compute the same: each update's loss, or without updates the first one again and again. */
function checkLosses(
  losses: readonly number[],
  mode: Mode,
  { tolerance }: Contender,
  expected: readonly number[],
): void {
  losses.forEach((loss, i) => {
    const wanted = expected[mode === 'update' ? i : 0]!;
    if (!(Math.abs(loss - wanted) <= tolerance * Math.abs(wanted))) {
      throw new OtherStep(`not the same step: its loss ${i + 1} is ${loss}, ours ${wanted}`);
    }
  });
}

function modeResult(measured: ReadonlyMap<string, Measured>): ModeResult {
  const entries = [...measured].filter(([, { seconds }]) => seconds.length > 0);
  const seconds = Object.fromEntries(entries.map(([name, m]) => [name, timing(m.seconds)]));
  const memory = entries
    .filter(([, m]) => m.memory.length > 0)
    .map(([name, { memory: all }]) => [
      name,
      { before: median(all.map(({ before }) => before)), peak: Math.max(...all.map(({ peak }) => peak)) },
    ]);
  const setUp = entries.map(([name, { prepared }]) => {
    const first = prepared.seconds.reduce((a, b) => a + b, 0);
    return [name, Math.max(0, first - prepared.seconds.length * seconds[name]!.median)];
  });
  const setUpPeak = entries.flatMap(([name, { prepared }]) => (prepared.memory ? [[name, prepared.memory.peak]] : []));
  const losses = entries.map(([name, { prepared }]) => [name, prepared.losses]);
  return results({
    seconds,
    memory: Object.fromEntries(memory),
    setUp: Object.fromEntries(setUp),
    setUpPeak: Object.fromEntries(setUpPeak),
    losses: Object.fromEntries(losses),
  });
}

/** Where one step's time goes. */
async function account(running: Running[], result: RowResult): Promise<void> {
  for (const one of running.filter(({ contender }) => contender.accounted)) {
    await attempt(running, one, result, async () => {
      result.accounts[one.contender.name] = await one.participant.ask<Accounted>({ do: 'account' });
    });
  }
}
