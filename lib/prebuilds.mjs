// Builds what the package carries ready-made, so that it installs with no compiler: prebuilds/<platform>-<arch>/ with
// the addon and TensorFlow.js's binding for libtensorflow, and prebuilds/tfjs-node/ with what of tfjs-node's JavaScript
// runs (tfjs-node itself is never a dependency: its install script downloads a TensorFlow of its own).
// Usage: npm run prebuilds [-- --out FOLDER]     (default: this checkout; then `npm pack`)
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPortable } from './portable.mjs';

const require = createRequire(import.meta.url);
const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), '..');
function run(command, args) {
  const { status, error, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? status}\n${stdout}`);
  return stdout;
}

/** What prebuildify calls in place of node-gyp: it looks for the addon in build/Release. */
function asNodeGyp() {
  run(process.execPath, [join(root, 'node_modules/cmake-js/bin/cmake-js'), 'build', '--out', 'build/native']);
  mkdirSync(join(root, 'build/Release'), { recursive: true });
  copyFileSync(join(root, 'build/native/Release/vl_ltr.node'), join(root, 'build/Release/vl_ltr.node'));
}

async function addon(out) {
  const prebuildify = require('prebuildify');
  const options = {
    cwd: root,
    out,
    name: 'vl-ltr',
    napi: true,
    tagLibc: true,
    targets: [{ runtime: 'node', target: process.versions.node }],
    nodeGyp: `"${process.execPath}" "${self}"`,
    shell: true,
    quiet: true,
  };
  await new Promise((done, failed) => prebuildify(options, (error) => (error ? failed(error) : done())));
  rmSync(join(root, 'build/Release'), { recursive: true });
}

async function binding(folder) {
  const { bindingSources, compileBinding } = await import('../dist/lib/runtime/bindingBuild.js');
  const { setup } = await import('../dist/lib/runtime/setup.js');
  const { folder: layout } = await setup({ log: () => {} });
  await compileBinding(join(layout, 'tensorflow'), bindingSources(), folder);
}

/** Copies the modules of tfjs-node that `lib/runtime/tensorflow.ts` requires, and all that they require in turn. */
function tfjsNode(out) {
  const from = dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  const { version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  const target = join(out, 'prebuilds/tfjs-node');
  rmSync(target, { recursive: true, force: true });
  const put = (file, text) => {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    writeFileSync(join(target, file), text);
  };
  const queue = ['dist/nodejs_kernel_backend.js', 'dist/register_all_kernels.js'];
  for (const file of queue) {
    // The messages of TensorBoard's summaries, which this package does not write and which need a library of their own.
    if (file === 'dist/proto/api_pb.js') {
      put(file, '// Left out by vl-ltr, which writes no summaries for TensorBoard.\nmodule.exports = {};\n');
      continue;
    }
    const text = readFileSync(join(from, file), 'utf8');
    put(file, text);
    for (const [, path] of text.matchAll(/require\(["'](\.{1,2}\/[^"']+)["']\)/g)) {
      const next = `${relative(from, resolve(from, dirname(file), path)).replace(/\.js$/, '')}.js`;
      if (!queue.includes(next)) queue.push(next);
    }
  }
  put('package.json', `${JSON.stringify({ name: 'tfjs-node-modules', private: true, version, license }, null, 1)}\n`);
  put(
    'README.md',
    `Modules of @tensorflow/tfjs-node ${version} (Copyright Google LLC, Apache License 2.0, the text of which is this\n` +
      `package's LICENSE), unchanged but for dist/proto/api_pb.js, which is left out.\n`,
  );
}

async function main() {
  const at = process.argv.indexOf('--out');
  const out = at < 0 ? root : resolve(process.argv[at + 1]);
  const folder = join(out, 'prebuilds', `${process.platform}-${process.arch}`);
  rmSync(folder, { recursive: true, force: true });
  await addon(out);
  await binding(folder);
  tfjsNode(out);
  for (const file of readdirSync(folder)) checkPortable(join(folder, file));
  process.stderr.write(`prebuilds: ${readdirSync(folder).join(', ')} in ${folder}\n`);
}

if (process.argv[2] === 'rebuild') asNodeGyp();
else await main();
