// Brings a clone to where every command runs: dependencies, compiled TypeScript, native addon, TensorFlow. Node's own
// modules only, since nothing else is there yet. What is up to date (a stamp holds the hash of its inputs) is skipped.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamps = join(root, 'node_modules', '.cache', 'vl-ltr');
const started = performance.now();

/** Hash of files and folders below the root, by name and content. */
function hash(...paths) {
  const sum = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`);
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      sum.update(`\0${relative(root, path)}\0`).update(readFileSync(path));
    }
  };
  for (const path of paths) visit(join(root, path));
  return sum.digest('hex');
}

function upToDate(name, inputs, outputs) {
  if (!outputs.every((output) => existsSync(join(root, output)))) return false;
  try {
    return readFileSync(join(stamps, name), 'utf8') === inputs;
  } catch {
    return false;
  }
}

function stamp(name, inputs) {
  mkdirSync(stamps, { recursive: true });
  const temporary = join(stamps, `.${name}-${process.pid}`);
  writeFileSync(temporary, inputs);
  renameSync(temporary, join(stamps, name));
}

function say(line) {
  process.stderr.write(`bootstrap: ${line}\n`);
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Runs a command with its output on stderr; with `quiet` the output is returned instead. */
function run(command, args, { quiet = false, env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', process.stderr.fd, process.stderr.fd],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const status = result.error ? result.error.message : (result.status ?? result.signal);
  return { status, output: quiet ? `${result.stdout ?? ''}${result.stderr ?? ''}` : '' };
}

function stop(line) {
  say(line);
  process.exit(1);
}

/** Whether `node_modules` holds what the lock file names (npm leaves a copy of what it installed, at the very end). */
function installed() {
  try {
    const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
    const [wanted, present] = [read('package-lock.json'), read('node_modules/.package-lock.json')];
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true;
      return present[path] ? present[path].version === entry.version : entry.optional === true;
    });
  } catch {
    return false;
  }
}

function dependencies() {
  if (installed()) return;
  const start = performance.now();
  say('installing dependencies (npm ci) …');
  // No install scripts: one of them would download a TensorFlow of its own.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const env = { npm_config_update_notifier: 'false' };
  let { status, output } = run('npm', ['ci', ...options], { quiet: true, env });
  // `npm ci` refuses where a registry lacks the packages of other platforms; `npm install` keeps to the lock file too.
  if (status !== 0) ({ status, output } = run('npm', ['install', '--no-save', ...options], { quiet: true, env }));
  if (status !== 0) stop(`npm could not install the dependencies (${status}):\n${output.trim().slice(-2000)}`);
  say(`dependencies installed in ${seconds(start)}`);
}

function typescript() {
  const inputs = hash('lib', 'bindings', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json');
  if (upToDate('typescript', inputs, ['dist/lib/index.js', 'dist/lib/cli/main.js'])) return;
  const start = performance.now();
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const build = () => run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { quiet: true });
  let { status, output } = build();
  if (status === 0 && !existsSync(join(root, 'dist/lib/index.js'))) {
    // The incremental state outlived the files it speaks of.
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    ({ status, output } = build());
  }
  if (status !== 0) stop(`tsc failed (${status}):\n${output}`);
  stamp('typescript', inputs);
  say(`TypeScript built in ${seconds(start)}`);
}

/** What the addon is built from. */
function addonInputs() {
  const sources = [
    'native',
    'bindings/node',
    'bindings/tensorflow',
    'bindings/anchor_tables.h',
    'bindings/anchor_tables.cc',
    'bindings/devices.h',
    'bindings/devices.cc',
  ];
  const builds = [
    'CMakeLists.txt',
    'bindings/CMakeLists.txt',
    'bindings/exports.map',
    'bindings/glibc.cc',
    'bindings/glibc.link',
    'package-lock.json',
  ];
  return hash(...sources, ...builds);
}

/** The first line in which a build says what is wrong. */
function causeIn(output, status) {
  const cause =
    output.split('\n').find((line) => /error|not (found|installed)|ENOENT/i.test(line)) ?? `status ${status}`;
  return cause.trim().slice(0, 300);
}

function addon() {
  if (!existsSync(join(root, 'CMakeLists.txt'))) return;
  const inputs = addonInputs();
  if (upToDate('addon', inputs, ['build/native/Release/vl_ltr.node'])) return;
  const start = performance.now();
  say('building the native addon …');
  const tool = join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  const build = () => run(process.execPath, [tool, 'build', '--out', 'build/native'], { quiet: true });
  let { status, output } = build();
  if (status !== 0 && existsSync(join(root, 'build/native'))) {
    // A cache of another compiler or folder is in the way.
    rmSync(join(root, 'build/native'), { recursive: true, force: true });
    ({ status, output } = build());
  }
  if (status !== 0) {
    say(
      `no native addon, TensorFlow.js's own kernels serve and are slower (install g++ and cmake): ` +
        causeIn(output, status),
    );
    return; // no stamp: tried again the next time
  }
  stamp('addon', inputs);
  say(`native addon built in ${seconds(start)}`);
  if (/JPEGs are left to sharp/.test(output))
    say('sharp decodes photographs, about half as fast (install libjpeg-dev, remove build/native and come again)');
}

/** Who once built the addon with CUDA kernels (`npm run build:cuda`) has it kept in step: it is loaded where there is a card. */
function cudaAddon() {
  const file = 'build/native-cuda/Release/vl_ltr.node';
  if (!existsSync(join(root, file))) return;
  const inputs = addonInputs();
  if (upToDate('cuda', inputs, [file])) return;
  say('building the CUDA kernels …');
  const build = [join(root, 'native/cuda/build.mjs'), '--required'];
  const { status, output } = run(process.execPath, build, { quiet: true });
  if (status === 0) return stamp('cuda', inputs);
  rmSync(join(root, file)); // one of an older contract must not be loaded
  say(`no CUDA kernels: ${causeIn(output, status)}`);
}

async function tensorflow() {
  // Set-up in this process: a second one would cost more than the check it makes.
  const { runSetup } = await import(pathToFileURL(join(root, 'dist/lib/cli/setup.js')).href);
  try {
    const status = await runSetup({ quietIfUnchanged: true });
    if (status !== 0) process.exit(status);
  } catch (error) {
    stop(error.message);
  }
}

dependencies();
typescript();
addon();
cudaAddon();
await tensorflow();
const total = performance.now() - started;
if (total > 3000) say(`ready in ${(total / 1000).toFixed(1)} s`);
