import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// No TensorFlow here: the cache folder is empty. runtimeTensorFlow.test.ts has the other half.
let cache: string;
beforeEach(() => {
  vi.resetModules(); // ready() chooses once a process
  cache = mkdtempSync(join(tmpdir(), 'vlltr-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
  vi.stubEnv('VLLTR_TENSORFLOW_DIR', '');
  for (const name of ['BACKEND', 'KERNELS', 'DEVICE', 'ISA']) vi.stubEnv(`VLLTR_${name}`, '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});
const load = () => import('../../lib/runtime/ready.js');

describe('ready without TensorFlow', () => {
  it('falls back to wasm by itself and keeps the cause', async () => {
    const { ready, runtime, kernels } = await load();
    expect(() => runtime()).toThrow(expect.objectContaining({ code: 'ERR_NOT_READY' }));
    const found = await ready({ kernels: 'tfjs' });
    expect(found).toMatchObject({ backend: 'wasm', kernels: 'tfjs', device: 'cpu', addon: false });
    expect(found.reasons.join()).toContain('vl-ltr setup');
    expect(runtime()).toBe(found);
    expect(kernels()).toBe('tfjs');
  });

  it('names the TensorFlow of the user that it does without', async () => {
    vi.stubEnv('VLLTR_TENSORFLOW_DIR', join(cache, 'mine'));
    const { ready } = await load();
    const found = await ready({ kernels: 'tfjs' });
    expect(found.reasons.join()).toContain(`VLLTR_TENSORFLOW_DIR (${join(cache, 'mine')}) is not set up`);
  });

  it('lends another route to all ops, or to some, for as long as a function runs', async () => {
    const { ready, kernels, withKernels } = await load();
    await ready({ backend: 'cpu' });
    const own = kernels();
    const lent = own === 'tfjs' ? 'node' : 'tfjs';
    const seen = () => [kernels(), kernels('adamw'), kernels('layerNorm')];
    expect(withKernels(lent, seen)).toEqual([lent, lent, lent]);
    expect(withKernels(lent, seen, ['adamw'])).toEqual([own, lent, own]);
    const fails = () => {
      throw new Error('inside');
    };
    expect(() => withKernels(lent, fails)).toThrow('inside');
    expect(seen()).toEqual([own, own, own]);
  });

  it('follows the variable, and the option before it', async () => {
    vi.stubEnv('VLLTR_BACKEND', 'tensorflow');
    vi.stubEnv('VLLTR_KERNELS', 'tfjs');
    const { ready } = await load();
    await expect(ready()).rejects.toMatchObject({ code: 'ERR_BACKEND' });
    expect((await ready({ backend: 'cpu' })).backend).toBe('cpu');
  });

  it('refuses what cannot be had instead of falling back', async () => {
    const { ready } = await load();
    await expect(ready({ backend: 'tensorflow' })).rejects.toThrow(/vl-ltr setup/);
    await expect(ready({ kernels: 'tensorflow' })).rejects.toMatchObject({ code: 'ERR_BACKEND' });
  });

  it.each([false, true])(
    'refuses a card: what it lacks first is the driver, where none is loaded (%s)',
    async (driver) => {
      const real = await vi.importActual<object>('../../lib/runtime/hardware.js');
      vi.doMock('../../lib/runtime/hardware.js', () => ({ ...real, gpuPresent: () => driver }));
      try {
        const { ready } = await load();
        const none = 'Device cuda was asked for, but no NVIDIA driver is loaded here: there is no card, or';
        const message = expect.stringMatching(
          driver ? /^Backend tensorflow.*setup --cuda/ : new RegExp(`^${none}.*setup --cuda`),
        );
        await expect(ready({ device: 'cuda' })).rejects.toMatchObject({ code: 'ERR_BACKEND', message });
      } finally {
        vi.doUnmock('../../lib/runtime/hardware.js');
      }
    },
  );

  it('refuses a forced instruction set where there is no addon to run it', async () => {
    vi.doMock('../../bindings/load.js', () => ({
      loadAddon: () => {
        throw new Error('no addon here');
      },
      registerTensorFlowOps: () => undefined,
      installedCudaPackage: () => ({}),
    }));
    try {
      const { ready } = await load();
      vi.stubEnv('VLLTR_ISA', 'avx2');
      await expect(ready({ backend: 'cpu' })).rejects.toThrow(/VLLTR_ISA is "avx2", but Kernels node.*no addon here/);
      vi.stubEnv('VLLTR_ISA', '');
      const found = await ready({ backend: 'cpu' });
      expect(found).toMatchObject({ kernels: 'tfjs', addon: false });
      expect(found.reasons.join()).toContain('no addon here');
    } finally {
      vi.doUnmock('../../bindings/load.js');
    }
  });

  it('is the same the second time and refuses another choice', async () => {
    const { ready } = await load();
    const [first, second] = await Promise.all([
      ready({ backend: 'wasm', kernels: 'tfjs' }),
      ready({ backend: 'wasm', kernels: 'tfjs' }),
    ]);
    expect(second).toBe(first);
    expect(await ready()).toBe(first);
    await expect(ready({ backend: 'cpu' })).rejects.toThrow(/already runs backend wasm/);
  });

  it('says what runs in one line, and nothing when told to be quiet', async () => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    try {
      vi.stubEnv('VLLTR_QUIET', '0');
      const { ready } = await load();
      await ready({ backend: 'wasm', kernels: 'tfjs' });
      await ready();
      expect(written).toEqual(['vl-ltr: backend wasm on cpu, kernels tfjs\n']);
      vi.resetModules();
      vi.stubEnv('VLLTR_QUIET', '1');
      await (await load()).ready({ backend: 'wasm', kernels: 'tfjs' });
      expect(written.length).toBe(1);
    } finally {
      spy.mockRestore();
    }
  });
});
