import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check } from '../errors.js';
import { execute } from './execute.js';
import { installedPackage, packageFolder, shortHash } from './paths.js';

const FLAGS = ['-std=c++17', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-s', '-DNAPI_VERSION=8'];
// The C++ runtime inside and old versions of glibc's functions: a binding built here loads on older systems.
const RUNTIME = ['-static-libstdc++', '-static-libgcc'];
const LINK = ['-Wl,-rpath,$ORIGIN/tensorflow', '-Wl,--wrap=TFE_NewContext'];
const DEFINES = ['-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'];

/** What TensorFlow.js's binding is built from. */
export interface BindingSources {
  /** tfjs-node's own. */
  readonly folder: string;
  /** This package's part (bindings/): the quiet start, the context for captured steps, glibc's old functions. */
  readonly own: string;
  readonly headers: string;
  /** Of all of them and of the flags. */
  readonly hash: string;
}

/** The sources, or undefined in an installed package, which carries the binding prebuilt. */
export function bindingSources(): BindingSources | undefined {
  const tfjsNode = installedPackage('@tensorflow/tfjs-node');
  const headers = installedPackage('node-api-headers');
  const own = join(packageFolder(), 'bindings');
  if (!tfjsNode || !headers || !existsSync(join(own, 'tfjs-node'))) return undefined;
  const folder = join(tfjsNode, 'binding');
  const files = [folder, join(own, 'tfjs-node')].flatMap((from) => readdirSync(from).map((file) => join(from, file)));
  files.push(join(own, 'glibc.cc'), join(own, 'glibc.link'));
  const parts = files.map((file) => file.slice(file.lastIndexOf('/')) + readFileSync(file, 'utf8')).sort();
  const flags = [...FLAGS, ...RUNTIME, ...LINK, ...DEFINES];
  return { folder, own, headers: join(headers, 'include'), hash: shortHash([...flags, ...parts]) };
}

/** File name of the binding of these sources. */
export function bindingName(hash: string): string {
  return `tfjs_binding-${hash}.node`;
}

/** The file beside a binding that is loaded before it. */
export function quietName(binding: string): string {
  return binding.replace('tfjs_binding', 'quiet');
}

/**
 * Builds the binding of `sources`, and the file that is loaded before it, into `folder`.
 * @param library the folder `tensorflow` of a layout: libraries and C headers
 * @returns the binding's file name
 * @throws VlltrError ERR_SETUP in one line: no headers, no compiler, or what the compiler said
 */
export async function compileBinding(library: string, sources: BindingSources, folder: string): Promise<string> {
  const include = join(library, 'include');
  const libraries = ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow_framework.so.2'];
  const tfjs = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(sources.folder, file));
  const ours = join(sources.own, 'tfjs-node');
  const found = libraries.filter((file) => existsSync(join(library, file))).map((file) => `-l:${file}`);
  const context = [join(ours, 'context.cc'), ...DEFINES, `-I${include}`, ...tfjs, '-L', library, ...found, ...LINK];
  const name = bindingName(sources.hash);
  await compileTo(join(folder, quietName(name)), sources, [join(ours, 'quiet.cc'), '-ldl']);
  check(
    existsSync(join(include, 'tensorflow/c/eager/c_api.h')),
    'ERR_SETUP',
    () =>
      `${library} lacks TensorFlow's C headers (include/tensorflow/c/eager/c_api.h), which the binding is built with.`,
  );
  await compileTo(join(folder, name), sources, context);
  return name;
}

async function compileTo(path: string, sources: BindingSources, args: string[]): Promise<void> {
  const output = `${path}.${process.pid}.tmp`;
  const compiler = process.env.CXX || 'g++';
  const glibc = [join(sources.own, 'glibc.cc'), `@${join(sources.own, 'glibc.link')}`];
  const exports = `-Wl,--version-script=${join(sources.own, 'tfjs-node/exports.map')}`;
  const all = [...FLAGS, ...RUNTIME, `-I${sources.headers}`, ...args, ...glibc, exports, '-o', output];
  try {
    const { status, errors } = await execute(compiler, all);
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
