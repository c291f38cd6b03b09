#!/usr/bin/env node
// Compiles the benchmarks into build/bench and runs one of them, or all: node bench/run.mjs [NAME] [options]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const root = dirname(folder);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
const given = process.argv.slice(2);
const [name, ...options] = given[0] === undefined || given[0].startsWith('-') ? ['all', ...given] : given;
if (!names.includes(name)) {
  process.stderr.write(`Usage: npm run --silent bench -- [NAME] [--help]\nBenchmarks: ${names.join(', ')}\n`);
  process.exit(2);
}

// The compiler's words go to stderr: a benchmark's stdout is its JSON or its tables alone.
const run = (args, stdio) => spawnSync(process.execPath, args, { cwd: root, stdio });
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = run([compiler, '-p', join(folder, 'tsconfig.json')], ['ignore', 2, 2]);
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
process.exit(run([join(root, 'build/bench/bench', `${name}.js`), ...options], 'inherit').status ?? 1);
