import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Choice } from '../../lib/runtime/choice.js';

/** What the addon and the machine are like. */
const machine = {
  addon: true,
  card: true,
  refuses: '',
  mismatch: undefined as string | undefined,
  built: false,
  kernels: {} as Record<string, string[]>,
};
const useDevice = vi.fn();
const registerTensorFlowOps = vi.fn(() => ({ version: '2.21.0', kernels: machine.kernels }));

beforeEach(() => {
  vi.stubEnv('VLLTR_ISA', '');
  const installedCudaPackage = () => ({ mismatch: machine.mismatch });
  vi.doMock('../../bindings/load.js', () => ({
    loadAddon: () => {
      if (!machine.addon) throw new Error('no addon here');
      return { useDevice, cuda: () => ({ built: machine.built }) };
    },
    installedCudaPackage,
    registerTensorFlowOps,
  }));
  vi.doMock('../../lib/runtime/hardware.js', () => ({ gpuPresent: () => machine.card }));
  useDevice.mockReset().mockImplementation(() => {
    if (machine.refuses) throw new Error(machine.refuses);
  });
  const kernels = { VlltrAdamw: ['CPU'] };
  Object.assign(machine, { addon: true, card: true, refuses: '', mismatch: undefined, built: false, kernels });
});
afterEach(() => {
  vi.doUnmock('../../bindings/load.js');
  vi.doUnmock('../../lib/runtime/hardware.js');
  vi.unstubAllEnvs();
  vi.resetModules();
});

const choose = async (
  choice: Partial<Choice>,
  backend: 'wasm' | 'tensorflow' = 'wasm',
  device: 'cpu' | 'cuda' = 'cpu',
) => {
  const { chooseKernels } = await import('../../lib/runtime/kernelChoice.js');
  const reasons: string[] = [];
  const all: Choice = { backend: 'auto', kernels: 'auto', device: 'auto', ...choice };
  return { ...(await chooseKernels(all, { backend, device }, reasons)), reasons };
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

  it('computes where TensorFlow does, on the card it uses first', async () => {
    machine.kernels = { VlltrAdamw: ['CPU', 'GPU'], VlltrLayerNorm: ['CPU'] };
    for (const choice of [{}, { device: 'cuda' }, { kernels: 'tensorflow' }] as Partial<Choice>[]) {
      useDevice.mockClear();
      expect(await choose(choice, 'tensorflow', 'cuda')).toEqual({
        kernels: 'tensorflow',
        kernelDevice: 'cuda',
        addon: true,
        reasons: [],
      });
      expect(useDevice).toHaveBeenCalledExactlyOnceWith(0);
    }
    useDevice.mockClear();
    expect(await choose({}, 'tensorflow', 'cpu')).toMatchObject({ kernelDevice: 'cpu', reasons: [] });
    expect(useDevice).not.toHaveBeenCalled();
  });

  it('says that an addon without CUDA kernels computes on the CPU beside TensorFlow on a card', async () => {
    const found = await choose({ device: 'cuda' }, 'tensorflow', 'cuda');
    expect(found).toMatchObject({ kernels: 'tensorflow', kernelDevice: 'cpu', addon: true });
    expect(found.reasons).toEqual([expect.stringMatching(/compute on the CPU .*the addon in use has none for CUDA/)]);
    machine.mismatch = 'vl-ltr-cuda 0.2.0 is installed beside vl-ltr 0.1.0';
    expect((await choose({}, 'tensorflow', 'cuda')).reasons).toEqual([expect.stringContaining('vl-ltr-cuda 0.2.0')]);
    // One that has them came too late, or to a TensorFlow that takes none.
    machine.built = true;
    const late = (await choose({}, 'tensorflow', 'cuda')).reasons;
    expect(late).toEqual([expect.stringMatching(/compute on the CPU .*those for CUDA are not registered/)]);
    expect(useDevice).not.toHaveBeenCalled();
  });

  it("leaves TensorFlow's card to plain formulas where the kernels cannot use it", async () => {
    machine.kernels = { VlltrAdamw: ['CPU', 'GPU'] };
    machine.refuses = 'Tesla T4 has compute capability 7.5, expected 8.0 or later';
    const found = await choose({ device: 'cuda' }, 'tensorflow', 'cuda');
    expect(found).toMatchObject({ kernels: 'tfjs', kernelDevice: 'cuda' });
    expect(found.reasons).toEqual([expect.stringMatching(/Kernels tensorflow cannot be had: .*capability 7\.5/)]);
    await expect(choose({ kernels: 'tensorflow' }, 'tensorflow', 'cuda')).rejects.toMatchObject({
      code: 'ERR_BACKEND',
      message: expect.stringContaining('capability 7.5'),
    });
  });

  it('refuses a card where there is no addon for it', async () => {
    // Not by another mock of the module: which of two counts is not said.
    machine.addon = false;
    await expect(choose({ device: 'cuda' })).rejects.toThrow(/Device cuda was asked for, but .*no addon here/);
    expect(await choose({})).toMatchObject({ kernels: 'tfjs', addon: false });
  });
});
