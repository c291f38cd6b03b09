import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { type BindingSources, bindingName, bindingSources, compileBinding, quietName } from './bindingBuild.js';
import type { Device } from './choice.js';
import { execute } from './execute.js';
import { tensorFlowLogLevel } from './hardware.js';
import type { Layout } from './layout.js';
import { prebuildsFolder } from './paths.js';
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

/** The verified binding of a layout: that of this package's version, or of an unknown version the newest one. */
export function findBinding(layout: Layout): BindingStamp | undefined {
  return stampOf(layout, origins().hash);
}

/** Where a binding may come from, and the hash of this package's version: that of the sources, where they are. */
function origins(): { sources?: BindingSources; prebuilt?: Prebuilt; hash?: string } {
  const sources = bindingSources();
  const prebuilt = prebuiltBinding();
  return { sources, prebuilt, hash: sources?.hash ?? prebuilt?.hash };
}

function stampOf(layout: Layout, hash: string | undefined): BindingStamp | undefined {
  const names = hash ? [stampName(hash)] : stampsByAge(layout.folder);
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

type Prebuilt = { folder: string; hash: string };

/** The binding that the package carries for this platform (`npm run prebuilds`), if it does. */
function prebuiltBinding(): Prebuilt | undefined {
  const folder = prebuildsFolder();
  try {
    for (const name of readdirSync(folder)) {
      const hash = /^tfjs_binding-(\w+)\.node$/.exec(name)?.[1];
      if (hash && existsSync(join(folder, quietName(name)))) return { folder, hash };
    }
  } catch {}
  return undefined;
}

/**
 * Brings TensorFlow.js's binding into a layout and verifies it, or returns the one that is there and up to date: the
 * prebuilt one where it is of this version, else one built from the sources.
 * @throws VlltrError ERR_SETUP
 */
export async function makeBinding(layout: Layout, log: Log): Promise<BindingStamp> {
  const { sources, prebuilt, hash } = origins();
  const present = stampOf(layout, hash);
  if (present) return present;
  check(
    hash,
    'ERR_SETUP',
    () =>
      `This package carries no binding for ${process.platform}-${process.arch}, and the sources of TensorFlow.js's ` +
      '(@tensorflow/tfjs-node, node-api-headers) are not installed.',
  );
  const name = bindingName(hash);
  const inLayout = join(layout.folder, name);
  if (!existsSync(inLayout)) {
    if (prebuilt?.hash === hash) {
      for (const file of [quietName(name), name]) {
        const temporary = join(layout.folder, `.${file}-${process.pid}`);
        copyFileSync(join(prebuilt.folder, file), temporary);
        renameSync(temporary, join(layout.folder, file));
      }
    } else {
      log("Building TensorFlow.js's binding …");
      await compileBinding(join(layout.folder, 'tensorflow'), sources!, layout.folder);
    }
  }
  const verified = await verifyBinding(inLayout).catch(async (error) => {
    await rm(inLayout, { force: true }); // brought anew the next time
    throw error;
  });
  const stamp: BindingStamp = { format: 1, binding: name, ...verified, built: hash };
  const temporary = join(layout.folder, `.stamp-${process.pid}`);
  await writeFile(temporary, `${JSON.stringify(stamp, null, 1)}\n`);
  await rename(temporary, join(layout.folder, stampName(hash)));
  return stamp;
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
