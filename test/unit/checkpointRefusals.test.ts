import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadClip } from '../../lib/clip/checkpoint/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';
import { ZipArchive } from '../../lib/files/zip.js';
import { tf } from '../../lib/runtime/tf.js';
import { startCpu } from '../../lib/runtime/wasm.js';
import { unpackCheckpoints } from '../support/checkpoints.js';
import { zip } from '../support/zipWriter.js';

const { folder, remove } = unpackCheckpoints();
afterAll(remove);
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  await startCpu();
  await tf.setBackend('cpu');
});

async function expectRefusal(path: string, message: RegExp): Promise<void> {
  const before = tf.memory().numTensors;
  await expect(loadClip(path)).rejects.toMatchObject({ name: 'VlltrError', code: 'ERR_CHECKPOINT' });
  await expect(loadClip(path)).rejects.toThrow(message);
  expect(tf.memory().numTensors).toBe(before);
}

function written(name: string, content: string | Buffer): string {
  writeFileSync(at(name), content);
  return at(name);
}

describe('a file that is no checkpoint is refused by what it is', () => {
  it.each([
    ['a pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:1\n', /pointer of Git LFS.*git lfs pull/],
    ['a web page', '<!DOCTYPE html><html>', /is a web page/],
    ['a text', 'nothing of interest', /of no known kind; expected a checkpoint/],
    ['nothing', '', /has 0 bytes/],
  ])('%s', (_, content, message) => expectRefusal(written('no.pt', content), message));

  it('a folder, an archive of something else, nothing at all', async () => {
    mkdirSync(at('empty'));
    await expectRefusal(at('empty'), /holds no model; expected model\.safetensors or /);
    mkdirSync(at('strange', 'model.safetensors'), { recursive: true });
    await expectRefusal(at('strange'), /model\.safetensors/);
    await expectRefusal(written('wheel.pt', zip({ 'a/b.txt': 'text' })), /zip archive without data\.pkl/);
    await expectRefusal(at('missing.pt'), /does not exist/);
  });
});

describe('an archive of torch.save', () => {
  let files: Record<string, Buffer> = {};
  const repacked = (change: Record<string, Buffer | string | undefined>): string => {
    const all = Object.entries({ ...files, ...change }).filter(([, content]) => content !== undefined);
    return written('changed.pth', zip(Object.fromEntries(all) as Record<string, Buffer>));
  };
  const storageOf = (bytes: number): string => Object.keys(files).find((name) => files[name]!.length === bytes)!;
  beforeAll(async () => {
    const archive = await ZipArchive.open(at('state-vit.pth'));
    for (const entry of archive.entries) files[entry.name] = await archive.read(entry);
    await archive.close();
    files = Object.fromEntries(
      Object.entries(files).map(([name, content]) => [name.replace(/^[^/]+/, 'state'), content]),
    );
  });

  it('is read whatever its folder is called, its pickle packed or not', async () => {
    (await loadClip(repacked({ 'state/data.pkl': files['state/data.pkl']!.toString('latin1') }))).dispose();
  });
  it('lacks a storage', () =>
    expectRefusal(repacked({ 'state/data/0': undefined }), /lies in storage "0", which the file lacks/));
  it('has one that is too short', () =>
    expectRefusal(repacked({ 'state/data/0': Buffer.alloc(2) }), /lies in storage 0 of .* bytes, which has 2/));
  it('has one that is compressed', () =>
    expectRefusal(
      repacked({ 'state/data/0': files['state/data/0']!.toString('latin1') }),
      /is compressed; torch\.save stores it/,
    ));
  it('has its bytes the other way round', () =>
    expectRefusal(repacked({ 'state/byteorder': Buffer.from('big') }), /in big order; expected little/));
  it('is damaged in the middle of a tensor', async () => {
    const bytes = readFileSync(at('state-vit.pth'));
    const name = storageOf(60 * 16 * 4); // the token embedding
    const place = bytes.indexOf(files[name]!);
    bytes[place + 100]! ^= 4;
    await expectRefusal(written('damaged.pth', bytes), /token_embedding\.weight is damaged \(CRC/);
  });
  it('is cut off', async () => {
    const bytes = readFileSync(at('openai-rn.pt'));
    for (const size of [bytes.length - 1, bytes.length - 30, 5000, 100, 12]) {
      copyFileSync(at('openai-rn.pt'), at('cut.pt'));
      truncateSync(at('cut.pt'), size);
      await expectRefusal(at('cut.pt'), /cut\.pt/);
    }
  });
  it('unpacks to more than it claims', async () => {
    const bomb = zip({ ...files, 'state/data.pkl': '\0'.repeat(3_000_000) });
    const entry = bomb.indexOf('PK\x01\x02', 0, 'latin1');
    bomb.writeUInt32LE(100, entry + 24); // the size that the directory claims
    await expectRefusal(written('bomb.pth', bomb), /data\.pkl is damaged/);
    const large = zip({ 'state/data.pkl': '\0'.repeat((32 << 20) + 1) });
    await expectRefusal(written('large.pth', large), /data\.pkl has 33554433 bytes, expected at most/);
  });
  it('has entries that share their bytes, or a name', async () => {
    const shared = zip({ 'state/data.pkl': Buffer.alloc(10), 'state/data/0': Buffer.alloc(10) });
    const second = shared.lastIndexOf('PK\x01\x02', shared.length, 'latin1');
    shared.writeUInt32LE(0, second + 42);
    await expectRefusal(written('shared.pth', shared), /overlaps what follows it/);
    const twice = zip({ 'state/data.pkl': Buffer.alloc(10), 'state/data.pkm': Buffer.alloc(10) });
    twice.write('l', twice.lastIndexOf('pkm') + 2);
    await expectRefusal(written('twice.pth', twice), /holds state\/data\.pkl twice/);
  });
  it('holds no weights', async () => {
    const pickle = Buffer.from('\x80\x02}(X\x05\0\0\0epochK\x03X\x04\0\0\0args}u.', 'latin1');
    await expectRefusal(
      repacked({ 'state/data.pkl': pickle }),
      /holds no state dict; its keys are "epoch", "args"; expected model or/,
    );
  });
});

describe('safetensors', () => {
  const vit = 'openclip-vit.safetensors';
  const changed = async (change: (tensors: Awaited<ReturnType<typeof readSafetensors>>['tensors']) => void) => {
    const { tensors } = await readSafetensors(at(vit));
    change(tensors);
    await writeSafetensors(at('changed.safetensors'), tensors);
    return at('changed.safetensors');
  };
  it.each([
    ['lack a tensor', 'visual.ln_post.bias', undefined, /has no visual\.ln_post\.bias; expected it as \[16\]/],
    [
      'lack what an architecture is read from',
      'ln_final.weight',
      undefined,
      /has no ln_final\.weight; expected the tensors of a CLIP/,
    ],
    [
      'have a wrong shape',
      'visual.ln_post.bias',
      { data: new Float32Array(17), shape: [17] },
      /ln_post\.bias is \[17\]; expected \[16\]/,
    ],
    [
      'have integers',
      'visual.ln_post.bias',
      { data: new Int32Array(16), shape: [16] },
      /ln_post\.bias is I32; expected F16/,
    ],
    [
      'have positions of no square',
      'visual.positional_embedding',
      { data: new Float32Array(16 * 16), shape: [16, 16] },
      /has 16 rows; expected 1 \+ a square/,
    ],
    [
      'have more than the model',
      'visual.transformer.resblocks.0.ls_1.gamma',
      { data: new Float32Array(16), shape: [16] },
      /has tensors that no such model has: visual\.transformer\.resblocks\.0\.ls_1\.gamma/,
    ],
    [
      'have an empty one',
      'text_projection',
      { data: new Float32Array(0), shape: [16, 0] },
      /text_projection is \[16,0\]/,
    ],
  ])('%s', async (_, name, tensor, message) => {
    const path = await changed((tensors) => {
      if (tensor) tensors[name] = tensor;
      else delete tensors[name];
    });
    await expectRefusal(path, message);
  });
  it('of float64 and counters are read', async () => {
    const path = await changed((tensors) => {
      const bias = tensors['visual.ln_post.bias']!;
      tensors['visual.ln_post.bias'] = { data: Float64Array.from(bias.data as Float32Array), shape: bias.shape };
      tensors['visual.num_batches_tracked'] = { data: BigInt64Array.of(7n), shape: [] };
      tensors.attn_mask = { data: new Float32Array(144), shape: [12, 12] };
    });
    (await loadClip(path)).dispose();
  });
  it('name themselves deeper than a stack', async () => {
    const json = `{"a":{"dtype":${'['.repeat(200_000)}${']'.repeat(200_000)},"shape":[1],"data_offsets":[0,4]}}`;
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(json.length));
    await expectRefusal(
      written('deep.safetensors', Buffer.concat([prefix, Buffer.from(json), Buffer.alloc(4)])),
      /dtype \[\[…\]\]/,
    );
  });
  it('of this package, with a configuration of another model', async () => {
    const { tensors } = await readSafetensors(at(vit));
    const visual = { kind: 'vit', layers: 1e9, width: 16, heads: 1, patchSize: 4, imageSize: 16 };
    const text = { contextLength: 12, vocabSize: 60, width: 16, heads: 1, layers: 1 };
    const config = JSON.stringify({ embedDim: 12, visual, text });
    await writeSafetensors(at('own.safetensors'), tensors, { metadata: { format: 'vl-ltr-clip', config } });
    await expectRefusal(at('own.safetensors'), /tensors, too few for its configuration/);
  });
});

describe('an index of shards', () => {
  const indexed = (map: unknown): string => {
    mkdirSync(at('shards'), { recursive: true });
    writeFileSync(at('shards', 'model.safetensors.index.json'), typeof map === 'string' ? map : JSON.stringify(map));
    return at('shards');
  };
  it.each([
    ['no JSON', '{', /is no index of safetensors files/],
    ['no map', {}, /has no weight_map/],
    ['a number', { weight_map: { a: 3 } }, /tensor 'a' is in 3; expected a file's name/],
    ['a path upwards', { weight_map: { a: '../../secret.safetensors' } }, /expected a \.safetensors file beside it/],
    ['an absolute path', { weight_map: { a: '/etc/model.safetensors' } }, /expected a \.safetensors file beside it/],
    ['another kind of file', { weight_map: { a: 'passwd' } }, /expected a \.safetensors file beside it/],
    ['a shard that is missing', { weight_map: { a: 'one.safetensors' } }, /one\.safetensors cannot be opened/],
  ])('with %s', (_, map, message) => expectRefusal(indexed(map), message));
  it('that promises too much', async () => {
    const path = indexed({ weight_map: { a: 'one.safetensors' } });
    copyFileSync(at('openclip-vit.safetensors'), at('shards', 'one.safetensors'));
    await expectRefusal(path, /promises the tensor 'a' in one\.safetensors, which lacks it/);
  });
});

describe('a configuration beside the tensors', () => {
  it.each([
    [
      'another activation',
      { vision_config: { hidden_act: 'relu' } },
      /vision_config\.hidden_act is "relu"; expected "quick_gelu" or "gelu"/,
    ],
    [
      'another epsilon',
      { text_config: { layer_norm_eps: 1e-6 } },
      /text_config\.layer_norm_eps is 0\.000001; expected 0\.00001/,
    ],
    ['heads of no number', { vision_config: { num_attention_heads: 'x' } }, /num_attention_heads is "x"/],
    ['no object', [], /is no configuration/],
  ])('with %s', async (_, config, message) => {
    mkdirSync(at('hf'), { recursive: true });
    copyFileSync(at('hugging-face-vit.safetensors'), at('hf', 'model.safetensors'));
    writeFileSync(at('hf', 'config.json'), JSON.stringify(config));
    await expectRefusal(at('hf'), message);
  });
  it('of OpenCLIP with another pooling', async () => {
    mkdirSync(at('oc'), { recursive: true });
    copyFileSync(at('openclip-vit.safetensors'), at('oc', 'open_clip_model.safetensors'));
    writeFileSync(
      at('oc', 'open_clip_config.json'),
      JSON.stringify({ model_cfg: { text_cfg: { pool_type: 'last' } } }),
    );
    await expectRefusal(at('oc'), /text_cfg\.pool_type is "last"; expected "argmax"/);
  });
});
