// Reads what ptxas -v told of every kernel, prints it as a table and exits with 1 where a kernel spills, keeps memory on
// the stack (an array that is indexed at run time), or has its wgmma instructions serialised.
// Usage: node native/cuda/check_ptxas.mjs LOG|FOLDER...     (a folder: all *.log below it, as keep_log.sh leaves them)
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What ptxas warns of that costs most of a Hopper kernel's speed. */
const SERIALISED = /\bC75\d\d\b/;

/**
 * Functions in a log, in its order: {name, arch, entry, registers, shared, stack, stores, loads, warnings}. A warning names
 * its function, or comes while that is compiled; `name` is mangled.
 */
export function parsePtxas(text) {
  const found = new Map();
  let arch = '';
  let current;
  const at = (name, entry) => {
    const key = `${name} ${arch}`;
    if (!found.has(key)) {
      const empty = { registers: 0, shared: 0, stack: 0, stores: 0, loads: 0, warnings: [] };
      found.set(key, { name, arch, entry, ...empty });
    }
    const one = found.get(key);
    one.entry ||= entry;
    return one;
  };
  for (const line of text.split('\n')) {
    const entry = /Compiling entry function '([^']+)' for '(\w+)'/.exec(line);
    const properties = /Function properties for '?([\w$.]+)/.exec(line);
    const memory = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    const used = /Used (\d+) registers/.exec(line);
    if (entry) {
      arch = entry[2];
      current = at(entry[1], true);
    } else if (properties) {
      current = at(properties[1], false);
    } else if (memory && current) {
      [current.stack, current.stores, current.loads] = memory.slice(1).map(Number);
    } else if (used && current) {
      current.registers = Number(used[1]);
      current.shared = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
    } else if (SERIALISED.test(line)) {
      const named = /in (?:the )?function '?([\w$.]+)/.exec(line)?.[1];
      (named ? at(named, true) : (current ?? at('?', true))).warnings.push(line.trim());
    }
  }
  return [...found.values()];
}

/** What is wrong with these functions, a line each. */
export function faults(functions) {
  const wrong = [];
  for (const { name, arch, stack, stores, loads, warnings } of functions) {
    const of = `${readable(name)} for ${arch}`;
    if (stores || loads) wrong.push(`${of} spills: ${stores} bytes stored, ${loads} bytes loaded`);
    if (stack) wrong.push(`${of} keeps ${stack} bytes on the stack`);
    for (const warning of warnings) wrong.push(`${of}: ${warning}`);
  }
  return wrong;
}

let names = new Map();

/** Finds readable names for all functions at once, with c++filt where there is one. */
function demangle(functions) {
  const mangled = [...new Set(functions.map(({ name }) => name))];
  const { status, stdout } = spawnSync('c++filt', { input: mangled.join('\n'), encoding: 'utf8' });
  if (status === 0)
    names = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((name, i) => [mangled[i], name]),
    );
}

/** A kernel's name with its template arguments, without namespaces and parameters. */
export function readable(name) {
  const full = (names.get(name) ?? name).replace(/^void /, '').replace(/\(anonymous namespace\)::/g, '');
  return full.replace(/\((?!bool\)|int\)|unsigned int\)).*$/, '').replace(/(?:\b\w+::)+/g, '') || full;
}

function table(functions) {
  const rows = functions
    .filter(({ entry }) => entry)
    .map(({ name, arch, registers, shared }) => [readable(name), arch, String(registers), String(shared)])
    .sort((a, b) => a[0].localeCompare(b[0]) || a[1].localeCompare(b[1]));
  const all = [['kernel', 'arch', 'registers', 'smem'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
    .join('\n');
}

function logs(path) {
  if (!statSync(path).isDirectory()) return [path];
  const below = readdirSync(path, { recursive: true }).map(String);
  return below.filter((name) => name.endsWith('.o.log')).map((name) => join(path, name));
}

/** Objects of kernels that lie in a folder without what ptxas told of them: they were built without keep_log.sh. */
function untold(path) {
  if (!statSync(path).isDirectory()) return [];
  const below = new Set(readdirSync(path, { recursive: true }).map(String));
  return [...below]
    .filter((name) => name.endsWith('.cu.o') && !below.has(`${name}.log`))
    .map((name) => join(path, name));
}

/** The lines to print of these logs, and whether all is well. */
export function checkPtxas(paths) {
  const functions = parsePtxas(
    paths
      .flatMap(logs)
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n'),
  );
  if (!functions.some(({ entry }) => entry)) return { ok: false, text: `no kernels in ${paths.join(', ')}` };
  demangle(functions);
  const wrong = [...faults(functions), ...paths.flatMap(untold).map((object) => `there is no log of ${object}`)];
  return { ok: wrong.length === 0, text: [table(functions), ...wrong].join('\n') };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { ok, text } = checkPtxas(process.argv.slice(2));
  process.stdout.write(`${text}\n`);
  process.exit(ok ? 0 : 1);
}
