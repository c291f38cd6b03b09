import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VlltrError } from '../errors.js';

/** Where set-up keeps what it fetched and built: `$XDG_CACHE_HOME/vl-ltr`, by default `~/.cache/vl-ltr`. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME;
  // The XDG specification has relative values ignored.
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'vl-ltr');
}

/** The folder of this package, found from both `lib/` and `dist/lib/`. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new VlltrError('ERR_INTERNAL', 'package.json of vl-ltr was not found above its code.');
    folder = parent;
  }
  return folder;
}

/** Where an installed package has what is built for this platform; in a checkout `npm run prebuilds` makes it. */
export function prebuildsFolder(): string {
  return join(packageFolder(), 'prebuilds', `${process.platform}-${process.arch}`);
}

/** The folder of an installed npm package (whose `package.json` may be resolved), or undefined. */
export function installedPackage(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** First `length` hexadecimal digits of the SHA-256 of some texts. */
export function shortHash(parts: readonly (string | Uint8Array)[], length = 12): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, length);
}

/** The libtensorflow that the user named with `VLLTR_TENSORFLOW_DIR`, as an absolute path. */
export function userTensorFlow(): string | undefined {
  const folder = process.env.VLLTR_TENSORFLOW_DIR;
  return folder ? resolve(folder) : undefined;
}
