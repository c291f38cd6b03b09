import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Choice } from '../../lib/runtime/choice.js';

/** What the addon and the machine are like. */
const machine = { card: true, refuses: '', mismatch: undefined as string | undefined };
const useDevice = vi.fn();
const registerTensorFlowOps = vi.fn();

beforeEach(() => {
  vi.stubEnv('VLLTR_ISA', '');
  const installedCudaPackage = () => ({ mismatch: machine.mismatch });
  vi.doMock('../../bindings/load.js', () => ({
    loadAddon: () => ({ useDevice }),
    installedCudaPackage,
    registerTensorFlowOps,
  }));
  vi.doMock('../../lib/runtime/hardware.js', () => ({ gpuPresent: () => machine.card }));
  useDevice.mockReset().mockImplementation(() => {
    if (machine.refuses) throw new Error(machine.refuses);
  });
  Object.assign(machine, { card: true, refuses: '', mismatch: undefined });
});
afterEach(() => {
  vi.doUnmock('../../bindings/load.js');
  vi.doUnmock('../../lib/runtime/hardware.js');
  vi.unstubAllEnvs();
  vi.resetModules();
});

const choose = async (choice: Partial<Choice>, backend: 'wasm' | 'tensorflow' = 'wasm') => {
  const { chooseKernels } = await import('../../lib/runtime/kernelChoice.js');
  const reasons: string[] = [];
  const all: Choice = { backend: 'auto', kernels: 'auto', device: 'auto', ...choice };
  return { ...(await chooseKernels(all, { backend, device: 'cpu' }, reasons)), reasons };
};

describe('where the package computes its own ops', () => {
  it('takes a card for kernels through Node-API where there is one', async () => {
    expect(await choose({})).toMatchObject({ kernels: 'node', kernelDevice: 'cuda', reasons: [] });
    expect(useDevice).toHaveBeenCalledExactlyOnceWith(0);
  });

  it('stays on the CPU without a card, where it is asked to, and inside TensorFlow', async () => {
    expect(await choose({ device: 'cpu' })).toMatchObject({ kernels: 'node', kernelDevice: 'cpu' });
    expect(await choose({}, 'tensorflow')).toMatchObject({ kernels: 'tensorflow', kernelDevice: 'cpu' });
    expect(await choose({ kernels: 'tfjs' })).toMatchObject({ kernels: 'tfjs', kernelDevice: 'cpu' });
    machine.card = false;
    expect(await choose({})).toMatchObject({ kernels: 'node', kernelDevice: 'cpu', reasons: [] });
    expect(useDevice).not.toHaveBeenCalled();
  });

  it('says why a card is not used, and refuses where it was asked for', async () => {
    machine.refuses = 'this build has no CUDA kernels';
    const { kernelDevice, reasons } = await choose({});
    expect(kernelDevice).toBe('cpu');
    expect(reasons).toEqual([expect.stringContaining('this build has no CUDA kernels')]);
    machine.mismatch = 'vl-ltr-cuda 0.2.0 is installed beside vl-ltr 0.1.0';
    expect((await choose({})).reasons).toEqual([expect.stringMatching(/no CUDA kernels \(vl-ltr-cuda 0\.2\.0 is/)]);
    await expect(choose({ device: 'cuda' })).rejects.toMatchObject({
      code: 'ERR_BACKEND',
      message: expect.stringMatching(/^Kernels node cannot use a card: this build has no CUDA kernels/),
    });
    machine.card = false;
    await expect(choose({ device: 'cuda' })).rejects.toThrow(/^Device cuda was .* no NVIDIA driver .*no CUDA kernels/);
    // The driver has the last word.
    machine.refuses = 'no NVIDIA driver is loaded';
    await expect(choose({ device: 'cuda', kernels: 'node' })).rejects.toThrow(/cannot use a card: no NVIDIA driver/);
  });

  it('refuses a card where there is no addon for it', async () => {
    vi.doMock('../../bindings/load.js', () => ({
      loadAddon: () => {
        throw new Error('no addon here');
      },
      installedCudaPackage: () => ({}),
      registerTensorFlowOps,
    }));
    await expect(choose({ device: 'cuda' })).rejects.toThrow(/Device cuda was asked for, but .*no addon here/);
    expect(await choose({})).toMatchObject({ kernels: 'tfjs', addon: false });
  });
});
