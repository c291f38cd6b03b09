import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../files/atomic.js';
import { expectFolderPlace } from '../../files/expectPath.js';

/** config.json of a run, as far as the commands look at it. */
export interface StoredConfig {
  command?: string;
  /** What the command line said that began the run, which `--resume` takes over. */
  commandLine?: Record<string, unknown>;
  /** Folder of the stage-1 run that a finetune continues. */
  stage1?: string;
  [key: string]: unknown;
}

/** config.json in a folder, if there is one. */
export async function storedConfig(dir: string): Promise<StoredConfig | undefined> {
  const path = join(dir, 'config.json');
  return existsSync(path) ? await readJson<StoredConfig>(path) : undefined;
}

/** Refuses a file where the folder of a run is wanted. @throws VlltrError ERR_USAGE */
export function refuseFile(run: string): void {
  expectFolderPlace(run, '--run');
}
