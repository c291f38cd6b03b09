import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { loadAddon } from '../../bindings/load.js';
import { addonPath } from '../support/addon.js';

/** Loads the addon in a worker, normalises `repeats` times and reports the addon's state in that environment. */
const BODY = `
  const { parentPort, workerData } = require('node:worker_threads');
  const addon = require(workerData.path);
  const rows = 700, width = 96; // large enough for the thread pool
  const x = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
  const [y, dx] = [new Float32Array(x.length), new Float32Array(x.length)];
  const [gamma, dgamma, dbeta] = [new Float32Array(width).fill(1), new Float32Array(width), new Float32Array(width)];
  const [mean, rstd] = [new Float32Array(rows), new Float32Array(rows)];
  for (let i = 0; i < workerData.repeats; i++) {
    addon.layerNormForward(x, gamma, new Float32Array(width), 1e-5, y, mean, rstd);
    addon.layerNormBackward(y, x, gamma, mean, rstd, dx, dgamma, dbeta);
  }
  let refused = 0;
  try { addon.layerNormForward(x, gamma, gamma, 1e-5, x, mean, rstd); } catch { refused++; }
  parentPort.postMessage({ calls: addon.info().calls, refused, sum: dgamma.reduce((a, b) => a + b) });
  if (workerData.busy) for (;;) addon.layerNormForward(x, gamma, gamma, 1e-5, y, mean, rstd);
`;

interface Report {
  calls: number;
  refused: number;
  sum: number;
}

const start = (workerData: object) =>
  new Worker(BODY, { eval: true, workerData: { path: addonPath(), repeats: 20, ...workerData } });

const reportOf = (worker: Worker) =>
  new Promise<Report>((resolve, reject) => worker.once('message', resolve).once('error', reject));

const ended = (worker: Worker) => new Promise<number>((resolve) => worker.once('exit', resolve));

it('loads, runs and is torn down again and again, with state of its own', async () => {
  const sums = new Set<number>();
  const repeats = 2;
  for (let round = 0; round < 100; round++) {
    const worker = start({ repeats });
    const exit = ended(worker);
    const { calls, refused, sum } = await reportOf(worker);
    expect(await exit).toBe(0);
    expect({ calls, refused }).toEqual({ calls: 2 * repeats + 1, refused: 1 }); // counted afresh in each environment
    sums.add(sum);
  }
  expect(sums.size).toBe(1);
});

it('runs in several workers at once beside the main thread', async () => {
  const before = loadAddon().info().calls;
  const workers = [0, 1, 2].map(() => start({ repeats: 60 }));
  const reports = Promise.all(workers.map(reportOf));
  const y = new Float32Array(4);
  loadAddon().layerNormForward(
    Float32Array.of(1, 2, 3, 4),
    Float32Array.of(1, 1),
    new Float32Array(2),
    0,
    y,
    new Float32Array(2),
    new Float32Array(2),
  );
  expect([...y]).toEqual([-1, 1, -1, 1]);
  expect(new Set((await reports).map(({ sum }) => sum)).size).toBe(1);
  expect(loadAddon().info().calls).toBe(before + 1);
});

it('survives workers that are ended in the middle of calls', async () => {
  for (let round = 0; round < 3; round++) {
    const worker = start({ busy: true });
    await reportOf(worker);
    await worker.terminate();
  }
  expect(loadAddon().info().threads).toBeGreaterThan(0);
});
