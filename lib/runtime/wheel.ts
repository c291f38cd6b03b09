import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { check, VlltrError } from '../errors.js';
import { sha256File } from '../files/sha256.js';
import { onInterruption } from './interruption.js';
import { formatBytes, type Log, TransferProgress } from './progress.js';

/** A wheel of the Python package index: what pip is asked for, and the file that must come. */
export interface Wheel {
  /** As pip reads it: `tensorflow-cpu==2.21.0`. */
  readonly requirement: string;
  readonly sha256?: string;
  /** Bytes, for the progress line; 0 if not known. */
  readonly size: number;
}

/** A wheel's package, without the version. */
export function packageName(wheel: Wheel): string {
  return wheel.requirement.replace(/[=<>!~].*/, '');
}

/** Python packages are chosen for one Python and several names of one platform, so that it is always the same file. */
const PIP_TARGET = [
  'manylinux_2_27_x86_64',
  'manylinux_2_25_x86_64',
  'manylinux_2_17_x86_64',
  'manylinux2014_x86_64',
  'manylinux1_x86_64',
];

/** The command that runs pip here, or undefined. */
export function findPip(): string[] | undefined {
  const candidates = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']];
  return candidates.find(([command, ...args]) => spawnSync(command!, [...args, '--version']).status === 0);
}

/**
 * The command that runs pip here.
 * @param otherwise what helps without it
 */
export function requirePip(otherwise: string): string[] {
  const pip = findPip();
  check(pip, 'ERR_SETUP', () => `pip (Python) was not found: install python3-pip, ${otherwise}.`);
  return pip;
}

/**
 * Brings a wheel: the file or URL in `source` if given, else through pip into `folder`. Its hash is checked.
 * @returns the path of the file; inside `folder` unless `source` is a file.
 * @throws VlltrError ERR_SETUP saying in one line what is missing.
 */
export async function fetchWheel(wheel: Wheel, folder: string, log: Log, source?: string): Promise<string> {
  const path = source
    ? /^https?:\/\//.test(source)
      ? await download(source, folder, wheel, log)
      : await existing(source)
    : await pipDownload(wheel, folder, log);
  if (wheel.sha256) {
    const actual = await sha256File(path);
    const { size } = await stat(path);
    const length = wheel.size && size !== wheel.size ? `${size} bytes instead of ${wheel.size}, ` : '';
    check(
      actual === wheel.sha256,
      'ERR_SETUP',
      () =>
        `${basename(path)} is not the expected file: ${length}SHA-256 ${actual}, expected ${wheel.sha256} ` +
        `(${wheel.requirement}). Another TensorFlow can be used unpacked, through VLLTR_TENSORFLOW_DIR.`,
    );
  }
  return path;
}

async function existing(source: string): Promise<string> {
  const path = resolve(source);
  const info = await stat(path).catch(() => undefined);
  check(info?.isFile(), 'ERR_SETUP', () => `VLLTR_TENSORFLOW_WHEEL names ${path}, which is not a file.`);
  return path;
}

async function download(url: string, folder: string, wheel: Wheel, log: Log): Promise<string> {
  const path = join(folder, 'download.whl');
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new VlltrError('ERR_SETUP', `VLLTR_TENSORFLOW_WHEEL (${url}) cannot be reached.`, { cause });
  }
  check(response.ok && response.body, 'ERR_SETUP', () => `${url} answers with status ${response.status}.`);
  const progress = new TransferProgress(packageName(wheel), wheel.size, log);
  let done = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      progress.update(done);
      next(null, chunk);
    },
  });
  try {
    await pipeline(Readable.fromWeb(response.body as never), count, createWriteStream(path, { flags: 'wx' }));
  } catch (cause) {
    throw new VlltrError('ERR_SETUP', `The download of ${url} broke off after ${formatBytes(done)}.`, { cause });
  } finally {
    progress.end();
  }
  return path;
}

async function pipDownload(wheel: Wheel, folder: string, log: Log): Promise<string> {
  const pip = requirePip('or name the wheel with VLLTR_TENSORFLOW_WHEEL');
  const target = join(folder, 'wheel');
  const scratch = join(folder, 'pip');
  await mkdir(target, { recursive: true });
  await mkdir(scratch, { recursive: true });
  const args = ['download', '-q', '--no-deps', '--no-cache-dir', '--only-binary=:all:', '--python-version', '3.11'];
  for (const platform of PIP_TARGET) args.push('--platform', platform);
  args.push('--retries', '2', '--timeout', '30', '-d', target, wheel.requirement);
  const child = spawn(pip[0]!, [...pip.slice(1), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own, since pip may be a script that runs pip
    // Its temporary folder is ours, so that the growing file can be measured.
    env: { ...process.env, TMPDIR: scratch, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', NO_COLOR: '1' },
  });
  const keep = onInterruption(() => process.kill(-child.pid!, 'SIGKILL')); // or it would go on fetching
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-20_000);
  });
  const progress = new TransferProgress(packageName(wheel), wheel.size, log);
  const timer = setInterval(() => {
    // The file grows in pip's temporary folder, or where it belongs if pip only copies it.
    Promise.all([folderSize(scratch), folderSize(target)]).then(
      (sizes) => progress.update(Math.max(...sizes)),
      () => undefined,
    );
  }, 500);
  const status = await new Promise<number | null>((done) => {
    child.on('error', () => done(null)).on('close', done);
  });
  keep();
  clearInterval(timer);
  progress.end();
  const files = (await readdir(target)).filter((name) => name.endsWith('.whl'));
  if (status !== 0 || files.length !== 1) {
    const said = errors.split('\n').filter((line) => /error|warning: retrying/i.test(line));
    const cause = said.at(-1)?.trim() ?? `pip ended with status ${status}`;
    throw new VlltrError(
      'ERR_SETUP',
      `pip could not download ${wheel.requirement} (${cause.slice(0, 300)}): no network, or an index without it. ` +
        "PIP_FIND_LINKS can name a folder of wheels, VLLTR_TENSORFLOW_WHEEL TensorFlow's as a file or URL.",
    );
  }
  return join(target, files[0]!);
}

async function folderSize(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    total += await stat(join(entry.parentPath, entry.name)).then(
      (info) => info.size,
      () => 0,
    );
  }
  return total;
}
