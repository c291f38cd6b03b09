import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const FIXTURES = fileURLToPath(new URL('../fixtures/checkpoints', import.meta.url));

/** The checkpoints that test/reference/checkpoints.py made, unpacked into a folder of their own. */
export function unpackCheckpoints(): { folder: string; names: string[]; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'vlltr-checkpoints-'));
  const names: string[] = [];
  for (const entry of readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.gz')) continue;
    const name = entry.slice(0, -3);
    names.push(name);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), gunzipSync(readFileSync(join(FIXTURES, entry))));
  }
  // Hugging Face's configuration, which lies beside the tensors.
  for (const at of ['hugging-face-shards', '']) writeHuggingFaceConfig(join(folder, at), 'quick_gelu');
  return { folder, names, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** As `save_pretrained` leaves it: settings that have their default value may be missing. */
export function writeHuggingFaceConfig(folder: string, activation: string): void {
  const tower = (heads: number) => ({ hidden_act: activation, num_attention_heads: heads, layer_norm_eps: 1e-5 });
  const config = { model_type: 'clip', vision_config: tower(4), text_config: tower(2) };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
}
