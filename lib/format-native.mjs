// Formats the C++ sources with clang-format; with --check only names the files that are not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { clangFormatPath } = createRequire(import.meta.url)('clang-format-node');
const root = fileURLToPath(new URL('..', import.meta.url));
const files = ['native', 'bindings'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(h|cc|cu|cuh)$/.test(name))
    .map((name) => join(folder, name)),
);
const check = process.argv.includes('--check');
const { status, error } = spawnSync(clangFormatPath, [...(check ? ['--dry-run', '--Werror'] : ['-i']), ...files], {
  cwd: root,
  stdio: 'inherit',
});
if (error) process.stderr.write(`clang-format could not be run: ${error.message}\n`);
process.exit(status ?? 1);
