import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import { readPickle } from '../../lib/files/pickle/machine.js';
import { PickleObject } from '../../lib/files/pickle/values.js';
import { TorchTensor, torchRules } from '../../lib/files/torch/tensors.js';

const fail = (what: string): never => {
  throw new VlltrError('ERR_CHECKPOINT', what);
};
const read = (bytes: Buffer | string): unknown =>
  readPickle(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1'), torchRules(fail)).value;

/** A storage's id, `elements` float32 under key "0", as an expression of opcodes. */
const storage = (elements: string): string =>
  `(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu${elements}tQ`;
const tensor = (elements: string, rest: string): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${storage(elements)}${rest}\x89)tR.`;

describe('a pickle', () => {
  // Written by CPython's pickle.dumps of the value beside it, protocols 0, 2 and 4, as hexadecimal.
  const value = [null, true, -5, 300, 70000, 'é', 1.5];
  it.each([
    ['0', '286c70300a4e6149300a'],
    ['2', '80025d7100284e884afbffffff4d2c014a70110100580200000063a97101'],
  ])('of protocol %s that ends early is refused', (_, hex) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow(VlltrError);
  });
  it('has its values', () => {
    const protocol2 = '80025d7100284e884afbffffff4d2c014a705801005802000000c3a9710147' + '3ff8000000000000652e';
    const found = read(Buffer.from(protocol2.replace('70580100', '70110100'), 'hex'));
    expect(found).toEqual(value);
    expect(read('(dp0\nS"a"\np1\n(lp2\nI01\naL-12345678901234567890L\nas.')).toEqual(
      new Map([['a', [1, -12345678901234567890n]]]),
    );
    expect(read('\x80\x04\x95\x0b\0\0\0\0\0\0\0]\x94(\x8c\x01b\x94K\x07e.')).toEqual(['b', 7]);
    expect(read('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.')).toBe(0x1950a86a20f9469cfc6cn);
  });
  it('keeps settings as names and state, and runs nothing', () => {
    const found = read('\x80\x02cargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x03sb.') as PickleObject;
    expect(found).toBeInstanceOf(PickleObject);
    expect(found.type).toBe('argparse.Namespace');
    expect(found.state).toEqual(new Map([['lr', 3]]));
  });
  it('makes tensors of storages', () => {
    const found = read(`\x80\x02${tensor('K\x06', 'K\x02K\x02K\x02\x86K\x01K\x02\x86')}`) as TorchTensor;
    expect(found).toBeInstanceOf(TorchTensor);
    expect(found).toMatchObject({ offset: 2, shape: [2, 2], strides: [1, 2] });
    expect(found.storage).toEqual({ dtype: 'F32', key: '0', length: 6 });
  });

  it.each([
    ['os.system', "cos\nsystem\n(S'echo run'\ntR.", /calls for os\.system, which no checkpoint .* refused/],
    ['builtins.eval', '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.', /calls for builtins\.eval/],
    ['a class by INST', "(S'x'\nisubprocess\nPopen\n.", /calls for subprocess\.Popen/],
    ['torch.load within', 'ctorch.storage\n_load_from_bytes\n(tR.', /torch\.storage\._load_from_bytes/],
    ['a quantised tensor', 'ctorch._utils\n_rebuild_qtensor\n(tR.', /_rebuild_qtensor/],
    ['what the registry holds', '\x82\x01.', /opcode 0x82/],
    ['a call of a text', "S'os.system'\n(tR.", /calls what is no function/],
    ['a storage that is called', 'ctorch\nFloatStorage\n(tR.', /FloatStorage is called/],
    ['an id of no storage', '\x80\x02(K\x01K\x02tQ.', /no valid id/],
    [
      'an id of another class',
      '\x80\x02(X\x07\0\0\0storagecargparse\nNamespace\nX\x01\0\0\x000NK\x01tQ.',
      /expected a torch\.\*Storage/,
    ],
    ['values that are not there', '\x80\x02R.', /takes a value where there is none/],
    ['a list that is not begun', '\x80\x02t.', /closes a list/],
    ['a value not stored', '\x80\x02h\x05.', /recalls value 5/],
    ['a key without a value', '\x80\x02}(K\x01u.', /key without a value/],
    ['items of a number', '\x80\x02K\x01(K\x01K\x02u.', /no dictionary/],
    ['a text longer than all', '\x80\x02X\xff\xff\xff\xffab.', /ends within/],
    ['a text of 2^60 bytes', '\x80\x02\x8d\0\0\0\0\0\0\0\x10ab.', /ends within/],
    ['an integer of 2^31 bytes', '\x80\x02\x8b\xff\xff\xff\x7fab.', /at most 256/],
    [
      'a tensor past its storage',
      `\x80\x02${tensor('K\x06', 'K\x03K\x02K\x02\x86K\x01K\x02\x86')}`,
      /\[2,2\] from element 3, the storage has 6/,
    ],
    [
      'a tensor of one element a trillion times',
      `\x80\x02${tensor('K\x01', 'K\x00J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86')}`,
      /the storage has 1/,
    ],
    [
      'a shape that is negative',
      `\x80\x02${tensor('K\x06', 'K\x00J\xff\xff\xff\xff\x85K\x01\x85')}`,
      /no valid offset/,
    ],
    ['strides for another shape', `\x80\x02${tensor('K\x06', 'K\x00K\x02\x85K\x01K\x01\x86')}`, /no valid offset/],
    ['a million lists', `\x80\x02${']'.repeat(1_000_000)}.`, /too many values/],
    ['a tensor class within itself', `\x80\x02${'(ctorch._tensor\n_rebuild_from_type_v2\n'.repeat(3)}`, /ends within/],
  ])('with %s is refused', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(VlltrError);
  });
});

it('a pickle that would run a command runs none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vlltr-pickle-'));
  try {
    expect(() => read(`cposix\nsystem\n(S'touch "${folder}/run"'\ntR.`)).toThrow(/posix\.system/);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
