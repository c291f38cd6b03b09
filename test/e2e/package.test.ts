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
import { addonCandidates } from '../../bindings/load.js';
import { findLayout } from '../../lib/runtime/layout.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const layout = findLayout('cpu');
const built = addonCandidates().some((path) => existsSync(path));
const lacking = !built ? 'the addon is not built' : !layout ? 'TensorFlow is not set up' : undefined;

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

describe.skipIf(lacking)(lacking ? `the packed package, skipped: ${lacking}` : 'the packed package', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vlltr-package-'));
    for (const name of ['bin', 'user', 'cache', 'tensorflow']) mkdirSync(join(folder, name));
    symlinkSync(process.execPath, join(folder, 'bin/node'));
    const run = (command: string, args: string[], cwd: string) => execFileSync(command, args, { cwd, stdio: 'pipe' });
    // Packed twice, so that nothing is written into this checkout: its files, then those with the prebuilt ones beside.
    run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root);
    const tarball = () => readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    run('tar', ['xzf', tarball()], folder);
    rmSync(join(folder, tarball()));
    run(process.execPath, ['lib/prebuilds.mjs', '--out', join(folder, 'package')], root);
    run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], join(folder, 'package'));
    writeFileSync(join(folder, 'user/package.json'), '{"name":"user","private":true,"type":"module"}');
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', ...options, join(folder, tarball())], join(folder, 'user'));
    copyFileSync(join(root, 'test/fixtures/packageUser.mjs'), join(folder, 'user/main.mjs'));
    // A libtensorflow as a user may have it: libraries alone, no headers.
    for (const name of readdirSync(join(layout!.folder, 'tensorflow')).filter((file) => file.includes('.so')))
      symlinkSync(join(layout!.folder, 'tensorflow', name), join(folder, 'tensorflow', name));
    const { VLLTR_BACKEND, VLLTR_KERNELS, VLLTR_DEVICE, VLLTR_TENSORFLOW_WHEEL, ...inherited } = process.env;
    environment = { ...inherited, PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache'), CXX: 'none' };
  }, 300_000);
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
    const { stdout } = node(['node_modules/vl-ltr/dist/lib/cli/main.js', 'doctor']);
    expect(stdout).toMatch(/pip|VLLTR_TENSORFLOW_WHEEL/);
    expect(stdout).not.toMatch(/npm run/);
  });

  it('runs TensorFlow with its prebuilt binding, captured steps too, when a library is named', () => {
    const env = { VLLTR_TENSORFLOW_DIR: join(folder, 'tensorflow') };
    const main = 'node_modules/vl-ltr/dist/lib/cli/main.js';
    const setup = node([main, 'setup'], env);
    expect(setup.stderr + setup.stdout).toMatch(/TensorFlow 2\.\d+\.\d+ ready/);
    expect(setup.status).toBe(0);
    const { status, stdout, stderr } = node(['main.mjs', 'tensorflow', 'tensorflow'], env);
    expect(stderr).not.toMatch(/error/i);
    expect(status).toBe(0);
    const said = JSON.parse(stdout);
    expect(said).toMatchObject({ backend: 'tensorflow', kernels: 'tensorflow', captured: true, sources: false });
    expect(said.losses[2]).toBeLessThan(said.losses[0]);
    const doctor = JSON.parse(node([main, 'doctor', '--json'], env).stdout);
    expect(doctor.lacks).toEqual([]);
  });
});
