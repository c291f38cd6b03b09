import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadClip } from '../../lib/clip/checkpoint/index.js';
import { VlltrError } from '../../lib/errors.js';
import { ZipArchive } from '../../lib/files/zip.js';
import { type Random, random } from '../../lib/random.js';
import { tf } from '../../lib/runtime/tf.js';
import { startCpu } from '../../lib/runtime/wasm.js';
import { importClassifier } from '../../lib/stages/importClassifier.js';
import { unpackCheckpoints } from '../support/checkpoints.js';
import { allocated } from '../support/memory.js';
import { mutated } from '../support/mutate.js';
import { zip } from '../support/zipWriter.js';

/** Changes of each kind of file, the same on every machine; `VLLTR_FUZZ_CASES=50000 VLLTR_FUZZ_SEED=1` makes others. */
const CASES = Number(process.env.VLLTR_FUZZ_CASES ?? 60);
const SEED = Number(process.env.VLLTR_FUZZ_SEED ?? 0);
const MEMORY = 256 << 20;

const { folder, remove } = unpackCheckpoints();
afterAll(remove);
const at = (...names: string[]): string => join(folder, ...names);
const raw = (...names: string[]): Buffer => readFileSync(at(...names));

beforeAll(async () => {
  await startCpu();
  await tf.setBackend('cpu');
});

/** The files of an archive, to be packed again with one of them changed: checksums then fit. */
async function unzipped(name: string): Promise<Record<string, Buffer>> {
  const archive = await ZipArchive.open(at(name));
  const files: Record<string, Buffer> = {};
  for (const entry of archive.entries) files[entry.name] = await archive.read(entry);
  await archive.close();
  return files;
}

type Attempt = (draw: Random) => Promise<unknown>;

const load = async (path: string): Promise<void> => (await loadClip(path)).dispose();

/** Writes a changed copy of a fixture and loads it. */
const whole =
  (name: string, span: (bytes: Buffer) => [number, number] = (bytes) => [0, bytes.length]): (() => Promise<Attempt>) =>
  async () => {
    const original = raw(name);
    const [from, to] = span(original);
    const path = at(`changed-${name}`);
    return (draw) => {
      writeFileSync(path, mutated(original, draw, from, to));
      return load(path);
    };
  };

/** Changes the pickle within an archive. */
const pickle =
  (name: string, open: (path: string) => Promise<unknown>): (() => Promise<Attempt>) =>
  async () => {
    const files = await unzipped(name);
    const entry = Object.keys(files).find((file) => file.endsWith('/data.pkl'))!;
    const path = at(`changed-pickle-${name}`);
    return (draw) => {
      writeFileSync(path, zip({ ...files, [entry]: mutated(files[entry]!, draw) }));
      return open(path);
    };
  };

/** Changes a JSON file beside a model. */
const json =
  (from: string, file: string): (() => Promise<Attempt>) =>
  async () => {
    const model = at(`changed-${file}`);
    mkdirSync(model, { recursive: true });
    cpSync(from, model, { recursive: true });
    const original = readFileSync(join(model, file));
    return (draw) => {
      writeFileSync(join(model, file), mutated(original, draw));
      return load(model);
    };
  };

async function disposed(path: string): Promise<void> {
  const model = await importClassifier(path);
  if (model) tf.dispose([model.params, model.anchors?.embeddings ?? []]);
}

const targets: [string, () => Promise<Attempt>][] = [
  ['zip directory', whole('state-vit.pth', (bytes) => [bytes.length - 4000, bytes.length])],
  ['zip archive', whole('openai-vit.pt')],
  ['pickle of a state dict', pickle('state-vit.pth', load)],
  ['pickle of TorchScript', pickle('openai-vit.pt', load)],
  ['pickle of stage 2', pickle('stage2-vit.pth', disposed)],
  ['legacy file', whole('legacy-vit.bin', () => [0, 8000])],
  ['safetensors header', whole('openclip-vit.safetensors', () => [0, 5000])],
  ['index of shards', json(at('hugging-face-shards'), 'model.safetensors.index.json')],
  ['config.json', json(at('hugging-face-shards'), 'config.json')],
];

it.each(targets)('%s: whatever is changed, errors are ours, and memory bounded', async (name, prepare) => {
  const attempt = await prepare();
  const draw = random(SEED, name);
  const tensors = tf.memory().numTensors;
  const counts = { refused: 0, slowest: 0, memory: 0 };
  const messages = new Set<string>();
  for (let tried = 0; tried < CASES; tried++) {
    const begun = performance.now();
    const memory = await allocated(async () => {
      try {
        await attempt(draw);
      } catch (error) {
        if (!(error instanceof VlltrError)) throw new Error(`change ${tried} of ${name}`, { cause: error });
        counts.refused++;
        messages.add(error.message.replace(folder, '').replace(/\d+/g, '#').slice(0, 60));
      }
    });
    counts.slowest = Math.max(counts.slowest, Math.round(performance.now() - begun));
    counts.memory = Math.max(counts.memory, memory);
  }
  if (process.env.VLLTR_FUZZ_CASES) console.log(name, counts, `${messages.size} kinds of messages`);
  expect(counts.refused).toBeGreaterThan(0);
  expect(counts.memory).toBeLessThan(MEMORY);
  expect(tf.memory().numTensors).toBe(tensors);
});
