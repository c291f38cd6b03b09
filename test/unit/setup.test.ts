import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runSetup } from '../../lib/cli/setup.js';
import { findBinding } from '../../lib/runtime/binding.js';
import { findLayout, layOut, layoutFolder } from '../../lib/runtime/layout.js';
import { TransferProgress } from '../../lib/runtime/progress.js';
import { setup } from '../../lib/runtime/setup.js';
import { zip } from '../support/zipWriter.js';

const quiet = () => undefined;
// What `npm test` set up, if it could, found before the cache folder is moved.
const installed = findLayout('cpu');
const alreadyBuilt = installed && findBinding(installed);
let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlltr-setup-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
  for (const name of ['TENSORFLOW_DIR', 'TENSORFLOW_WHEEL', 'BACKEND', 'KERNELS', 'DEVICE'])
    vi.stubEnv(`VLLTR_${name}`, '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** What lies in the cache folder; nothing half-done may. */
const cache = () => (existsSync(join(folder, 'vl-ltr')) ? readdirSync(join(folder, 'vl-ltr')) : []);

async function serve(status: number, body: Buffer): Promise<string> {
  server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tensorflow.whl`;
}

/** A folder with a `python3` that stands for pip. */
function fakePip(script: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'python3'), `#!/bin/sh\n[ "$3" = --version ] && exit 0\n${script}\n`);
  chmodSync(join(bin, 'python3'), 0o755);
  return bin;
}

const linux = process.platform === 'linux' && process.arch === 'x64';
describe.skipIf(!linux)('set-up of the wheel', () => {
  it('refuses a wheel that is not the expected file and leaves nothing behind', async () => {
    const wheel = join(folder, 'tensorflow_cpu.whl');
    writeFileSync(wheel, zip({ 'tensorflow/libtensorflow_cc.so.2': 'x' }));
    vi.stubEnv('VLLTR_TENSORFLOW_WHEEL', wheel);
    await expect(setup({ log: quiet })).rejects.toThrow(
      /not the expected file: \d+ bytes instead of 273829956, SHA-256 [0-9a-f]{64}, expected 2b847d21/,
    );
    expect(cache()).toEqual([]);
    expect(existsSync(wheel)).toBe(true);
  });

  it('says that the named wheel is missing, or cannot be fetched', async () => {
    vi.stubEnv('VLLTR_TENSORFLOW_WHEEL', join(folder, 'nowhere.whl'));
    await expect(setup({ log: quiet })).rejects.toThrow(/nowhere\.whl, which is not a file/);
    vi.stubEnv('VLLTR_TENSORFLOW_WHEEL', await serve(404, Buffer.from('no')));
    await expect(setup({ log: quiet })).rejects.toThrow(/answers with status 404/);
    server!.close();
    vi.stubEnv('VLLTR_TENSORFLOW_WHEEL', await serve(200, zip({ a: 'b' })));
    await expect(setup({ log: quiet })).rejects.toThrow(/not the expected file/);
    expect(cache()).toEqual([]);
  });

  it('says in one line that pip is missing, or what pip said', async () => {
    vi.stubEnv('PATH', join(folder, 'empty'));
    await expect(setup({ log: quiet })).rejects.toThrow(/^pip \(Python\) was not found[^\n]*$/);
    vi.stubEnv('PATH', `${fakePip('echo "ERROR: No matching distribution found" >&2; exit 1')}:/bin:/usr/bin`);
    await expect(setup({ log: quiet })).rejects.toThrow(
      /^pip could not download [^\n]*No matching distribution[^\n]*$/,
    );
    expect(cache()).toEqual([]);
  });

  it('serves wasm when it fails, unless TensorFlow was asked for', async () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
    vi.stubEnv('PATH', join(folder, 'empty'));
    expect(await runSetup({})).toBe(0);
    expect(lines.at(-1)).toMatch(/^setup: TensorFlow is not set up: pip .* wasm backend serves[^\n]*\n$/);
    expect(await runSetup({ cuda: true })).toBe(1);
    expect(lines.at(-1)).toMatch(/^setup: TensorFlow is not set up: pip .* CUDA .* the CPU computes[^\n]*\n$/);
    vi.stubEnv('VLLTR_BACKEND', 'tensorflow');
    expect(await runSetup({})).toBe(1);
    vi.stubEnv('VLLTR_BACKEND', 'wasm');
    expect(await runSetup({})).toBe(0);
    expect(await runSetup({ cuda: true })).toBe(1);
  });

  it('prints the outcome as JSON on stdout', async () => {
    let out = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    vi.stubEnv('PATH', join(folder, 'empty'));
    await runSetup({ json: true });
    expect(JSON.parse(out)).toMatchObject({ ok: false, fallback: 'wasm', cause: expect.stringContaining('pip') });
  });
});

/** Something that passes for a laid-out TensorFlow until it is loaded. */
function layOutFake(variant: 'cpu' | 'cuda'): string {
  const at = layoutFolder(variant);
  mkdirSync(join(at, 'tensorflow/include'), { recursive: true });
  writeFileSync(join(at, 'layout.json'), JSON.stringify({ format: 1, variant, source: 'pip', wheels: [], files: {} }));
  return at;
}

describe('the progress of a transfer', () => {
  it('rewrites one line of a terminal, with rate and time left, never wider than it', () => {
    const { isTTY, columns } = process.stderr;
    const lines: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
    try {
      for (const width of [80, 20]) {
        Object.assign(process.stderr, { isTTY: true, columns: width });
        const progress = new TransferProgress('nvidia-cudnn-cu12', 716_538_495);
        progress.update(100e6);
        progress.end();
      }
    } finally {
      Object.assign(process.stderr, { isTTY, columns });
    }
    const clear = '\r\x1b[K';
    expect(lines[0]!.startsWith(clear)).toBe(true);
    expect(lines[0]!.slice(clear.length)).toMatch(/^nvidia-cudnn-cu12: 100 MB of 717 MB \(13 %\), .*B\/s, \d+ s left$/);
    expect(lines.slice(1)).toEqual([clear, `${clear}nvidia-cudnn-cu12: `, clear]);
  });
});

describe('the build that is there', () => {
  it('serves, without a download, where only the CUDA build was laid out', async () => {
    layOutFake('cuda');
    vi.stubEnv('PATH', join(folder, 'empty')); // no pip
    vi.stubEnv('CXX', join(folder, 'no-compiler'));
    await expect(setup({ log: quiet })).rejects.toThrow(/^No C\+\+ compiler was found/);
    layOutFake('cpu');
    await expect(setup({ log: quiet })).rejects.toThrow(/^No C\+\+ compiler was found/);
  });
});

describe('a layout', () => {
  it('is believed only whole: with its stamp, and every file of its size', () => {
    const at = layoutFolder('cpu');
    const library = join(at, 'tensorflow/libtensorflow_cc.so.2');
    mkdirSync(join(at, 'tensorflow'), { recursive: true });
    writeFileSync(library, 'library');
    expect(findLayout('cpu')).toBeUndefined();
    const stamp = {
      format: 1,
      variant: 'cpu',
      source: 'pip',
      wheels: [],
      files: { 'tensorflow/libtensorflow_cc.so.2': 7 },
    };
    writeFileSync(join(at, 'layout.json'), JSON.stringify(stamp));
    expect(findLayout('cpu')).toEqual({ variant: 'cpu', folder: at });
    writeFileSync(library, 'libr');
    expect(findLayout('cpu')).toBeUndefined();
    writeFileSync(join(at, 'layout.json'), JSON.stringify(stamp).slice(0, 40));
    expect(findLayout('cpu')).toBeUndefined();
  });

  it('names what a folder of the user lacks', async () => {
    vi.stubEnv('VLLTR_TENSORFLOW_DIR', folder);
    await expect(layOut('user', quiet)).rejects.toThrow(/holds no libtensorflow_framework/);
    writeFileSync(join(folder, 'libtensorflow_framework.so.2'), '');
    expect(cache()).toEqual([]);
    await expect(setup({ log: quiet })).rejects.toThrow(/lacks TensorFlow's C headers .* built with/);
    expect(findBinding({ variant: 'user', folder: layoutFolder('user') })).toBeUndefined();
  });
});

describe.skipIf(!installed || !alreadyBuilt)('a TensorFlow of the user', () => {
  it('is linked, needs a compiler once, and what cannot be loaded is not believed', async () => {
    vi.stubEnv('VLLTR_TENSORFLOW_DIR', installed!.folder);
    vi.stubEnv('CXX', join(folder, 'no-compiler'));
    await expect(setup({ log: quiet })).rejects.toThrow(/^No C\+\+ compiler was found[^\n]*$/);
    const layout = findLayout('user')!;
    expect(findBinding(layout)).toBeUndefined();
    // A compiler that makes something else than a binding.
    const compiler = join(folder, 'compiler');
    writeFileSync(compiler, '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho no library > "$2"\n');
    chmodSync(compiler, 0o755);
    vi.stubEnv('CXX', compiler);
    await expect(setup({ log: quiet })).rejects.toThrow(/does not run here: .*/);
    expect(findBinding(layout)).toBeUndefined();
    expect(readdirSync(layout.folder).filter((name) => /tmp|tfjs/.test(name))).toEqual([]);
  });
});

describe('the lock file', () => {
  it('names every optional package of every platform, or npm ci refuses', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    for (const [path, entry] of Object.entries(packages)) {
      for (const name of Object.keys(entry.optionalDependencies ?? {})) {
        expect(packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`], name).toBeDefined();
      }
    }
  });
});
