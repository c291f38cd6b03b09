import { describe, expect, it } from 'vitest';
import { addonCandidates } from '../../bindings/load.js';
import { format } from '../../lib/cli/actions/doctor.js';
import { describeCards, probeCards } from '../../lib/runtime/cards.js';
import { needsTensorFlow, resolveChoice } from '../../lib/runtime/choice.js';
import { type Diagnosis, type Findings, findLacks } from '../../lib/runtime/doctor.js';
import { cpuFeatures } from '../../lib/runtime/hardware.js';
import { COMPUTED_OUTSIDE } from '../../lib/runtime/outside.js';

describe('resolveChoice', () => {
  it('takes an option before its variable, and auto without both', () => {
    const env = { VLLTR_BACKEND: 'wasm', VLLTR_KERNELS: 'tfjs', VLLTR_DEVICE: '' };
    expect(resolveChoice({}, {})).toEqual({ backend: 'auto', kernels: 'auto', device: 'auto' });
    expect(resolveChoice({}, env)).toEqual({ backend: 'wasm', kernels: 'tfjs', device: 'auto' });
    expect(resolveChoice({ backend: 'cpu', kernels: 'auto' }, env)).toEqual({
      backend: 'cpu',
      kernels: 'auto',
      device: 'auto',
    });
  });

  it('names the variable or option whose value does not exist', () => {
    expect(() => resolveChoice({}, { VLLTR_BACKEND: 'webgl' })).toThrow(/VLLTR_BACKEND is "webgl".*tensorflow/);
    expect(() => resolveChoice({ bakend: 'wasm' } as never, {})).toThrow(/no option bakend; expected backend, kernels/);
    expect(() => resolveChoice({ device: 'gpu' as never }, {})).toThrow(/ready\(\{device\}\) is "gpu"/);
  });

  it('refuses choices that exclude each other', () => {
    const refused = expect.objectContaining({ code: 'ERR_BACKEND' });
    expect(() => resolveChoice({ backend: 'wasm', kernels: 'tensorflow' }, {})).toThrow(refused);
    expect(() => resolveChoice({ backend: 'cpu', kernels: 'tfjs', device: 'cuda' }, {})).toThrow(refused);
    expect(resolveChoice({ backend: 'cpu', device: 'cuda' }, {}).device).toBe('cuda'); // by kernels node
  });

  it('knows what only TensorFlow has', () => {
    expect(needsTensorFlow(resolveChoice({ device: 'cuda' }, {}))).toBe(true);
    expect(needsTensorFlow(resolveChoice({ kernels: 'tensorflow' }, {}))).toBe(true);
    expect(needsTensorFlow(resolveChoice({ device: 'cpu', kernels: 'node' }, {}))).toBe(false);
    expect(needsTensorFlow(resolveChoice({ device: 'cuda', kernels: 'node' }, {}))).toBe(false);
    expect(needsTensorFlow(resolveChoice({ device: 'cuda', backend: 'wasm' }, {}))).toBe(false);
  });
});

describe('doctor', () => {
  const good: Findings = {
    node: '22.1.0',
    platform: 'linux-x64',
    runtime: { backend: 'tensorflow', kernels: 'tensorflow', device: 'cpu', addon: true },
    capture: true,
    pip: true,
    installed: [{ variant: 'cpu' }],
    userTensorFlow: false,
    features: ['avx2'],
    gpu: { driver: false, names: [] },
    cuda: { built: false, cards: [], why: 'this build has no CUDA kernels' },
  };
  const remedies = (change: Partial<Findings>) => findLacks({ ...good, ...change }).map(({ remedy }) => remedy);
  const wasm = { backend: 'wasm', kernels: 'node', device: 'cpu', addon: true } as const;

  it('finds nothing missing where all is there', () => {
    expect(findLacks(good)).toEqual([]);
  });

  it('has a remedy for each lack', () => {
    expect(remedies({ node: '20.18.1' })).toEqual([expect.stringContaining('20.19')]);
    expect(remedies({ runtime: wasm, installed: [] })).toEqual([expect.stringContaining('vl-ltr setup')]);
    expect(remedies({ runtime: wasm, installed: [], pip: false })).toEqual([expect.stringContaining('python3-pip')]);
    expect(remedies({ runtime: wasm, installed: [], platform: 'darwin-arm64' })).toEqual([
      expect.stringContaining('VLLTR_TENSORFLOW_DIR'),
    ]);
    expect(remedies({ runtime: wasm })).toEqual([expect.stringContaining('reasons')]);
    expect(remedies({ runtime: wasm, choice: { backend: 'wasm' } })).toEqual([
      'Backend wasm was asked for: unset VLLTR_BACKEND.',
    ]);
    expect(remedies({ runtime: undefined, error: 'threads is 0' })).toEqual(['threads is 0. Or unset the variable.']);
    expect(remedies({ runtime: { ...good.runtime!, kernels: 'tfjs' } })).toEqual([expect.stringContaining('cmake')]);
    expect(remedies({ capture: false })).toEqual([expect.stringContaining('one function')]);
    expect(remedies({ features: ['avx'] })).toEqual([expect.stringContaining('AVX2')]);
    expect(remedies({ runtime: undefined, error: 'No such device.' })).toEqual([expect.stringContaining('No such')]);
  });

  it('says what keeps a card from computing', () => {
    const gpu = { driver: true, version: '580.65.06', names: ['H100'] };
    const card = { name: 'H100', capability: '9.0', memory: 80 * 2 ** 30, driver: '13.0' };
    const cuda = { built: true, cards: [card] };
    const runtime = { ...good.runtime!, device: 'cuda' } as const;
    expect(remedies({ gpu, cuda })).toEqual([expect.stringContaining('setup --cuda')]);
    expect(remedies({ gpu, cuda, runtime })).toEqual([]);
    expect(remedies({ gpu, runtime })).toEqual([expect.stringContaining('build:cuda')]);
    expect(remedies({ gpu, runtime, platform: 'linux-arm64' })).toEqual([expect.stringContaining('linux-x64')]);
    const old = { ...gpu, version: '535.183.01' };
    expect(remedies({ gpu: old, runtime, cuda })).toEqual([expect.stringContaining('driver 580 or later')]);
    const none = { built: true, cards: [], why: 'the driver shows none' };
    expect(remedies({ gpu, runtime, cuda: none })).toEqual(['The cause: the driver shows none.']);
    expect(remedies({ gpu, runtime, cuda: none, cudaMismatch: 'It is 0.2.0' })).toEqual(['It is 0.2.0.']);
    const turing = { built: true, cards: [{ ...card, capability: '7.5' }] };
    expect(remedies({ gpu, runtime, cuda: turing })).toEqual([expect.stringContaining('on the CPU')]);
    expect(describeCards({ ...cuda, checked: [] })).toBe('H100 (80 GiB, compute capability 9.0, driver for CUDA 13.0)');
    expect(describeCards({ ...none, checked: [] })).toBe('kernels built, no card: the driver shows none');
  });

  it('asks for cards in a process of its own, whose failure is an answer', () => {
    expect(probeCards()).toMatchObject({ cards: expect.any(Array) });
    expect(probeCards('/nowhere/vl_ltr.node')).toMatchObject({ built: false, why: expect.stringContaining('failed') });
  });

  it('prefers the build with CUDA kernels where there is a card, or it is asked for', () => {
    const first = (env: NodeJS.ProcessEnv, card: boolean) => addonCandidates(env, card)[0];
    expect(first({}, true)).toMatch(/native-cuda/);
    expect(first({ VLLTR_DEVICE: 'cuda' }, false)).toMatch(/native-cuda/);
    expect(first({}, false)).not.toMatch(/native-cuda/);
    expect(first({ VLLTR_DEVICE: 'cpu' }, true)).not.toMatch(/native-cuda/);
  });

  it('says what is laid out, and whether a CUDA build has run on a GPU', () => {
    const found: Diagnosis = {
      ...good,
      ok: true,
      package: '1.2.3',
      libc: 'glibc 2.36',
      processor: { model: 'CPU', cores: 2, features: [] },
      memory: 4,
      cuda: { ...good.cuda, checked: [] },
      installed: [
        { variant: 'cpu', tensorflow: '2.21.0', folder: '/cache/cpu', device: 'cpu' },
        { variant: 'cuda', tensorflow: '2.21.0', folder: '/cache/cuda', device: 'cpu' },
        { variant: 'cuda', tensorflow: '2.22.0', folder: '/cache/newer', device: 'cuda' },
      ],
      reasons: [],
      cache: '/cache',
      environment: {},
      lacks: [],
    };
    const lines = format(found).split('\n');
    expect(lines.filter((line) => line.startsWith('laid out')).map((line) => line.slice(12))).toEqual([
      'cpu 2.21.0, in /cache/cpu',
      'cuda 2.21.0, untested on a device, in /cache/cuda',
      'cuda 2.22.0, has computed on a GPU, in /cache/newer',
    ]);
    const steps = (about: Partial<Diagnosis>): string | undefined =>
      format({ ...found, ...about })
        .split('\n')
        .find((line) => line.startsWith('steps'));
    expect(steps({ capture: true, kernels: 'tensorflow' })).toMatch(/captured/);
    expect(steps({ capture: true, kernels: 'node' })).toMatch(new RegExp(`op by op: ${COMPUTED_OUTSIDE}$`));
    expect(steps({ capture: false, kernels: 'node' })).toMatch(/op by op$/);
  });

  it('reads the vector extensions out of /proc/cpuinfo', () => {
    expect(cpuFeatures('processor : 0\nflags\t\t: fpu sse avx avx2 fma avx512f\n\n')).toEqual([
      'avx',
      'avx2',
      'fma',
      'avx512f',
    ]);
    expect(cpuFeatures('')).toEqual([]);
  });
});
