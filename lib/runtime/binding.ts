import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import type { Device } from './choice.js';
import { tensorFlowLogLevel } from './hardware.js';
import type { Layout } from './layout.js';
import { installedPackage, packageFolder, shortHash } from './paths.js';
import type { Log } from './progress.js';

/** Written once a binding was loaded and computed in a process of its own; what `ready()` believes. */
export interface BindingStamp {
  readonly format: 1;
  /** File name in the layout's folder. */
  readonly binding: string;
  /** TF_Version. */
  readonly tensorflow: string;
  /** Where it computed. */
  readonly device?: Device;
  /** Hash of the sources and flags it was built from. */
  readonly built: string;
}

/** One for each version of the sources: two checkouts share the cache. */
const stampName = (hash: string): string => `binding-${hash}.json`;
const FLAGS = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
const LINK = ['-Wl,-rpath,$ORIGIN/tensorflow', '-Wl,--wrap=TFE_NewContext'];
const DEFINES = ['-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'];

/** The verified binding of a layout: that of this package's sources, or without sources the newest one. */
export function findBinding(layout: Layout): BindingStamp | undefined {
  const sources = bindingSources();
  const names = sources ? [stampName(sources.hash)] : stampsByAge(layout.folder);
  for (const name of names) {
    try {
      const stamp = JSON.parse(readFileSync(join(layout.folder, name), 'utf8')) as BindingStamp;
      if (stamp.format === 1 && existsSync(join(layout.folder, stamp.binding))) return stamp;
    } catch {}
  }
  return undefined;
}

/** Names of a folder's stamps, newest first. */
function stampsByAge(folder: string): string[] {
  try {
    const age = (name: string): number => statSync(join(folder, name)).mtimeMs;
    const names = readdirSync(folder).filter((name) => /^binding-\w+\.json$/.test(name));
    return names.sort((a, b) => age(b) - age(a));
  } catch {
    return [];
  }
}

/** Builds tfjs-node's binding against a layout and verifies it, or returns the one that is there and up to date. */
export async function makeBinding(layout: Layout, log: Log): Promise<BindingStamp> {
  const present = findBinding(layout);
  if (present) return present;
  const sources = bindingSources();
  check(
    sources,
    'ERR_SETUP',
    () => "The sources of TensorFlow.js's binding (@tensorflow/tfjs-node, node-api-headers) are not installed.",
  );
  const name = `tfjs_binding-${sources.hash}.node`;
  if (!existsSync(join(layout.folder, name))) {
    log("Building TensorFlow.js's binding …");
    await compile(layout, sources, name);
  }
  const verified = await verifyBinding(join(layout.folder, name)).catch(async (error) => {
    await rm(join(layout.folder, name), { force: true }); // built again the next time
    throw error;
  });
  const stamp: BindingStamp = { format: 1, binding: name, ...verified, built: sources.hash };
  const temporary = join(layout.folder, `.stamp-${process.pid}`);
  await writeFile(temporary, `${JSON.stringify(stamp, null, 1)}\n`);
  await rename(temporary, join(layout.folder, stampName(sources.hash)));
  return stamp;
}

interface Sources {
  readonly folder: string;
  /** This package's own part (bindings/tfjs-node): the quiet start, and the context for captured steps. */
  readonly own: string;
  readonly headers: string;
  readonly hash: string;
}

function bindingSources(): Sources | undefined {
  const tfjsNode = installedPackage('@tensorflow/tfjs-node');
  const headers = installedPackage('node-api-headers');
  if (!tfjsNode || !headers) return undefined;
  const folder = join(tfjsNode, 'binding');
  const own = join(packageFolder(), 'bindings/tfjs-node');
  const parts = [folder, own].flatMap((from) =>
    readdirSync(from).map((file) => file + readFileSync(join(from, file), 'utf8')),
  );
  return { folder, own, headers: join(headers, 'include'), hash: shortHash([...FLAGS, ...LINK, ...parts.sort()]) };
}

async function compile(layout: Layout, sources: Sources, name: string): Promise<void> {
  const library = join(layout.folder, 'tensorflow');
  const libraries = ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow_framework.so.2'];
  const args = [...DEFINES, `-I${join(library, 'include')}`];
  args.push(join(sources.folder, 'tfjs_backend.cc'), join(sources.folder, 'tfjs_binding.cc'), '-L', library);
  args.push(...libraries.filter((file) => existsSync(join(library, file))).map((file) => `-l:${file}`));
  await compileTo(join(layout.folder, quietName(name)), sources, [join(sources.own, 'quiet.cc'), '-ldl']);
  await compileTo(join(layout.folder, name), sources, [join(sources.own, 'context.cc'), ...args, ...LINK]);
}

async function compileTo(path: string, sources: Sources, args: string[]): Promise<void> {
  const output = `${path}.${process.pid}.tmp`;
  const compiler = process.env.CXX || 'g++';
  try {
    const { status, errors } = await execute(compiler, [...FLAGS, `-I${sources.headers}`, ...args, '-o', output]);
    check(
      status !== 'missing',
      'ERR_SETUP',
      () => `No C++ compiler was found (${compiler}): install g++, or name one with CXX.`,
    );
    check(
      status === 0,
      'ERR_SETUP',
      () =>
        `${compiler} could not build the binding: ${errors.split('\n').find((line) => /error/i.test(line)) ?? errors}`,
    );
    await rename(output, path);
  } finally {
    await rm(output, { force: true });
  }
}

/** The file beside a binding that is loaded before it. */
export function quietName(binding: string): string {
  return binding.replace('tfjs_binding', 'quiet');
}

// One 2×2 product through the binding itself. In a process of its own, since a library for other processors or with
// a missing part may end the process rather than throw.
const VERIFY = `
const b = require(process.argv[1]);
const m = b.createTensor([2, 2], b.TF_FLOAT, new Float32Array([1, 2, 3, 4]));
const attributes = [
  { name: 'transpose_a', type: b.TF_ATTR_BOOL, value: false },
  { name: 'transpose_b', type: b.TF_ATTR_BOOL, value: false },
  { name: 'T', type: b.TF_ATTR_TYPE, value: b.TF_FLOAT },
];
const product = Array.from(b.tensorDataSync(b.executeOp('MatMul', attributes, [m, m], 1)[0].id));
process.stdout.write(JSON.stringify({ version: b.TF_Version, gpu: b.isUsingGpuDevice(), product }));
`;

/**
 * Loads a binding in a child process and multiplies two matrices.
 * @returns TensorFlow's version, and the device it computed on
 * @throws VlltrError ERR_SETUP
 */
export async function verifyBinding(path: string): Promise<{ tensorflow: string; device: Device }> {
  const { status, output, errors } = await execute(process.execPath, ['-e', VERIFY, path], {
    ...process.env,
    NODE_OPTIONS: '',
    TF_CPP_MIN_LOG_LEVEL: tensorFlowLogLevel(),
  });
  try {
    const said = JSON.parse(output) as { version: string; gpu: boolean; product: number[] };
    if (status === 0 && said.product.join() === '7,10,15,22') {
      return { tensorflow: said.version, device: said.gpu ? 'cuda' : 'cpu' };
    }
  } catch {}
  const cause = /\b(?:Error: )?(.*(?:\.so|GLIBC|illegal|instruction|error).*)/i.exec(errors)?.[1] ?? `status ${status}`;
  throw new VlltrError('ERR_SETUP', `TensorFlow was laid out but does not run here: ${cause.trim().slice(0, 400)}`);
}

interface Outcome {
  readonly status: number | string | null;
  readonly output: string;
  readonly errors: string;
}

function execute(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', () => resolve({ status: 'missing', output, errors }));
    child.on('close', (code, signal) => resolve({ status: code ?? signal, output, errors }));
  });
}
