// The package as `npm pack` makes it, installed into an empty folder, on a PATH with Node alone: no compiler, no CMake,
// no Python, no install script.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CUDA_PACKAGE } from '../../bindings/cudaPackage.js';
import { addonCandidates } from '../../bindings/load.js';
// @ts-expect-error plain JavaScript without types
import { layCudaPackage } from '../../lib/prebuildCuda.mjs';
import { findLayout } from '../../lib/runtime/layout.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const layout = findLayout('cpu');
/** One with CUDA kernels where it is built: as on a host with a card. */
const addon = addonCandidates(process.env, true).find((path) => existsSync(path));
const lacking = !addon ? 'the addon is not built' : !layout ? 'TensorFlow is not set up' : undefined;

const MAIN = 'node_modules/vl-ltr/dist/lib/cli/main.js';

let folder: string;
let environment: NodeJS.ProcessEnv;

/** Runs Node with nothing else on PATH. */
function node(args: string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, {
    cwd: join(folder, 'user'),
    encoding: 'utf8',
    env: { ...environment, ...env },
  });
}

/** `npm pack` of a folder, and the tarball's path. */
function pack(from: string, to: string): string {
  const told = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', to], { cwd: from });
  return join(to, (JSON.parse(told.toString()) as { filename: string }[])[0]!.filename);
}

/** With no install script run, and no network asked where the cache serves. */
function install(tarball: string, ...further: string[]): void {
  const options = [...further, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['install', ...options, tarball], { cwd: join(folder, 'user'), stdio: 'pipe' });
}

describe.skipIf(lacking)(lacking ? `the packed package, skipped: ${lacking}` : 'the packed package', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vlltr-package-'));
    for (const name of ['bin', 'user', 'cache', 'tensorflow']) mkdirSync(join(folder, name));
    symlinkSync(process.execPath, join(folder, 'bin/node'));
    // Packed twice, so that nothing is written into this checkout: its files, then those with the prebuilt ones beside.
    const files = pack(root, folder);
    execFileSync('tar', ['xzf', files, '-C', folder]);
    rmSync(files);
    execFileSync(process.execPath, ['lib/prebuilds.mjs', '--out', join(folder, 'package')], {
      cwd: root,
      stdio: 'pipe',
    });
    writeFileSync(join(folder, 'user/package.json'), '{"name":"user","private":true,"type":"module"}');
    install(pack(join(folder, 'package'), folder));
    copyFileSync(join(root, 'test/fixtures/packageUser.mjs'), join(folder, 'user/main.mjs'));
    // A libtensorflow as a user may have it: libraries alone, no headers.
    for (const name of readdirSync(join(layout!.folder, 'tensorflow')).filter((file) => file.includes('.so')))
      symlinkSync(join(layout!.folder, 'tensorflow', name), join(folder, 'tensorflow', name));
    const { VLLTR_BACKEND, VLLTR_KERNELS, VLLTR_DEVICE, VLLTR_TENSORFLOW_WHEEL, ...inherited } = process.env;
    environment = { ...inherited, PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache'), CXX: 'none' };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs the native kernels with nothing set up', () => {
    const { status, stdout, stderr } = node(['main.mjs', 'wasm', 'node']);
    expect(stderr).not.toMatch(/error/i);
    expect(status).toBe(0);
    const said = JSON.parse(stdout);
    expect(said).toMatchObject({ backend: 'wasm', kernels: 'node', addon: true, captured: false, sources: false });
    expect(said.losses[2]).toBeLessThan(said.losses[0]);
  });

  it('says in doctor what is missing and what to do', () => {
    const { stdout } = node([MAIN, 'doctor']);
    expect(stdout).toMatch(/pip|VLLTR_TENSORFLOW_WHEEL/);
    expect(stdout).not.toMatch(/npm run/);
  });

  it('runs TensorFlow with its prebuilt binding, captured steps too, when a library is named', () => {
    const env = { VLLTR_TENSORFLOW_DIR: join(folder, 'tensorflow') };
    const setup = node([MAIN, 'setup'], env);
    expect(setup.stderr + setup.stdout).toMatch(/TensorFlow 2\.\d+\.\d+ ready/);
    expect(setup.status).toBe(0);
    const { status, stdout, stderr } = node(['main.mjs', 'tensorflow', 'tensorflow'], env);
    expect(stderr).not.toMatch(/error/i);
    expect(status).toBe(0);
    const said = JSON.parse(stdout);
    expect(said).toMatchObject({ backend: 'tensorflow', kernels: 'tensorflow', captured: true, sources: false });
    expect(said.losses[2]).toBeLessThan(said.losses[0]);
    const doctor = JSON.parse(node([MAIN, 'doctor', '--json'], env).stdout);
    expect(doctor.lacks).toEqual([]);
  });

  describe('with the package of CUDA kernels beside it', () => {
    /** Its addon is that of this checkout, which has CUDA kernels only where nvcc built them. */
    const lay = async (version?: string) => {
      await layCudaPackage(join(folder, 'cuda'), addon, version);
      return pack(join(folder, 'cuda'), folder);
    };
    const doctor = (env: NodeJS.ProcessEnv = {}) => JSON.parse(node([MAIN, 'doctor', '--json'], env).stdout);

    it('loads quietly without a card, and doctor says why none is used', async () => {
      install(await lay());
      const { status, stdout, stderr } = node(['main.mjs', 'wasm', 'node'], { VLLTR_DEVICE: 'cpu' });
      expect(status).toBe(0);
      expect(stderr).not.toMatch(/error|cuda/i);
      expect(JSON.parse(stdout)).toMatchObject({ kernels: 'node', addon: true });
      const { cuda, lacks } = doctor();
      expect(cuda.cards.length > 0 || cuda.why).toBeTruthy();
      expect(JSON.stringify(lacks)).not.toContain('cannot serve');
      if (cuda.cards.length > 0) return;
      const forced = node(['main.mjs', 'wasm', 'node'], { VLLTR_DEVICE: 'cuda' });
      expect(forced.status).not.toBe(0);
      expect(forced.stderr).toContain(`Kernels node cannot use a card: ${cuda.why}`);
    });

    it('refuses one of another version by name', async () => {
      install(await lay('9.9.9'), '--legacy-peer-deps'); // as package managers do that mind no optional peer
      const refused = `${CUDA_PACKAGE} 9.9.9 is installed beside vl-ltr`;
      expect(JSON.stringify(doctor().lacks)).toContain(refused);
      expect(node(['main.mjs', 'wasm', 'node']).status).toBe(0);
      const forced = node(['main.mjs', 'wasm', 'node'], { VLLTR_DEVICE: 'cuda' });
      expect(forced.stderr).toContain(refused);
    });
  });
});
