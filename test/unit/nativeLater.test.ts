import { expect, it } from 'vitest';
import { kernelLater, loadAddon } from '../../bindings/load.js';

const filled = (length: number, value = 1) => new Float32Array(length).fill(value);

/** Arguments of one step over two parameters. */
const step = (): Parameters<ReturnType<typeof loadAddon>['adamw']> => {
  const rules = Float32Array.of(0.1, 1, Infinity, 0, 1, 0.5);
  const grads = [filled(4, 0.5), filled(6, 2)];
  const outputs = [filled(10, 0), filled(10, 0), filled(10, 0), filled(1, 0)] as const;
  return [filled(10), filled(10), filled(10), grads, rules, 0.1, 1, 0.9, 0.999, 1e-8, 1, ...outputs];
};
const outputs = (given: unknown[]) => given.slice(11);

it('computes on another thread what the call itself does', async () => {
  const now = step();
  loadAddon().adamw(...now);
  const before = loadAddon().info().calls;
  const later = Array.from({ length: 20 }, step);
  const promises = later.map((given) => kernelLater('adamw', ...given));
  expect(promises[0]).toBeInstanceOf(Promise);
  await Promise.all(promises);
  for (const given of later) expect(outputs(given)).toEqual(outputs(now));
  expect(loadAddon().info().calls).toBe(before + 20);
});

it('rejects what the call itself would throw, and what is no kernel', async () => {
  const refused = (message: RegExp) => ({
    name: 'VlltrError',
    code: 'ERR_NATIVE',
    message: expect.stringMatching(message),
  });
  const { later } = loadAddon();
  const bad = step();
  bad[6] = 0;
  await expect(kernelLater('adamw', ...bad)).rejects.toMatchObject(refused(/step is 0/));
  await expect(later('adamw', [1])).rejects.toMatchObject(refused(/got 1 arguments, expected 15/));
  await expect(later('adamw', Array(15).fill('x'))).rejects.toMatchObject(refused(/params is a string/));
  await expect(later('info', [])).rejects.toMatchObject(refused(/no kernel info/));
  await expect(later('adamw', 3 as never)).rejects.toMatchObject(refused(/no array/));
  const now = step();
  loadAddon().adamw(...now); // and a call that is not for later stays so
  expect((now[14] as Float32Array)[0]).toBeGreaterThan(0);
});
