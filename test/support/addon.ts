import { existsSync } from 'node:fs';
import { addonCandidates } from '../../bindings/load.js';

/** The file that `loadAddon()` loads. */
export function addonPath(): string {
  const path = addonCandidates().find((candidate) => existsSync(candidate));
  if (!path) throw new Error('The addon is not built: npm run build:native');
  return path;
}
