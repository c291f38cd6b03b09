import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cleanText, unescapeHtml } from '../../lib/clip/cleanText.js';
import { decode, encode, tokenIds, tokenize } from '../../lib/clip/tokenizer.js';
import { random } from '../../lib/random.js';
import { tf } from '../../lib/runtime/tf.js';

interface Reference {
  encode: Record<string, { text: string; ids: number[] }[]>;
  tokenize: { text: string; context: number; ids: number[] }[];
}
const reference = JSON.parse(
  readFileSync(new URL('../reference/tokenizer.json', import.meta.url), 'utf8'),
) as Reference;

describe("encode gives CLIP's ids", () => {
  for (const [group, cases] of Object.entries(reference.encode)) {
    it(group, () => {
      for (const { text, ids } of cases) expect(encode(text), JSON.stringify(text)).toEqual(ids);
    });
  }
});

describe('tokenIds and tokenize', () => {
  it('pad, cut and keep the end token as CLIP does', () => {
    for (const { text, context, ids } of reference.tokenize) {
      expect([...tokenIds(text, { contextLength: context }).ids], `${context}: ${text}`).toEqual(ids);
    }
  });

  it('report lengths and how many texts were cut', () => {
    const { ids, lengths, truncated } = tokenIds(['a cat', 'one two three four five', ''], { contextLength: 5 });
    expect([...lengths]).toEqual([4, 5, 2]);
    expect(truncated).toBe(1);
    expect(ids.length).toBe(15);
    expect(ids[9]).toBe(49407);
    expect([...tokenIds([]).ids]).toEqual([]);
  });

  it('a text of just the right length is not cut', () => {
    const { lengths, truncated } = tokenIds('a '.repeat(75));
    expect(lengths[0]).toBe(77);
    expect(truncated).toBe(0);
    expect(tokenIds('a '.repeat(76)).truncated).toBe(1);
  });

  it('tokenize gives an int32 tensor [N, 77]', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const ids = tokenize(['a photo of a cat.', 'x']);
    expect(ids.shape).toEqual([2, 77]);
    expect(ids.dtype).toBe('int32');
    expect([...ids.dataSync().subarray(0, 8)]).toEqual([49406, 320, 1125, 539, 320, 2368, 269, 49407]);
    expect(tf.memory().numTensors).toBe(before + 1);
    ids.dispose();
    const none = tokenize([], { contextLength: 9 });
    expect(none.shape).toEqual([0, 9]);
    none.dispose();
  });

  it('refuse what is no text, naming it', () => {
    expect(() => encode(undefined as unknown as string)).toThrow(/text is undefined, expected a string/);
    expect(() => tokenIds(['a', 5 as unknown as string])).toThrow(/texts\[1\] is number/);
    expect(() => tokenIds(7 as unknown as string)).toThrow(/texts is number/);
    expect(() => tokenIds('a', { contextLength: 1 })).toThrow(/contextLength is 1, expected an integer >= 2/);
    expect(() => tokenIds('a', { contextLength: 7.5 })).toThrow(/contextLength is 7.5/);
  });
});

describe('decode', () => {
  it('puts a space after each word and spells the special tokens', () => {
    expect(decode(encode("A Café don't <|endoftext|>"))).toBe("a café don 't <|endoftext|>");
    expect(decode([])).toBe('');
  });

  it('refuse ids outside the vocabulary', () => {
    expect(() => decode([1, 49408])).toThrow(/ids\[1\] is 49408, expected an integer from 0 to 49407/);
    expect(() => decode([-1])).toThrow(/ids\[0\] is -1/);
  });
});

/** Texts of one block or of any code units at all, lone surrogates included, with the marks the clean-up looks for. */
function randomText(seed: number): string {
  const draw = random(seed, 'tokenizer test');
  const blocks = [0x80, 0x300, 0x3000, 0x10000];
  const top = blocks[draw.int(blocks.length)]!;
  const marks = ['&', '&amp;', '&#x', ';', '<', "'s", '<|endoftext|>', '\u001b[31m', '\n', '😀', 'e\u0301', '\ufeff'];
  let text = '';
  for (let i = draw.int(30); i >= 0; i--) {
    text += draw.int(4) ? String.fromCharCode(draw.int(top)) : marks[draw.int(marks.length)]!;
  }
  return text;
}

describe('any Unicode text', () => {
  it('gives ids in range that spell the cleaned text', () => {
    const letters = (text: string) => text.replace(/ |\u0345/g, '');
    for (let seed = 0; seed < 4000; seed++) {
      const text = randomText(seed);
      const ids = encode(text);
      expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id <= 49407)).toBe(true);
      expect(letters(decode(ids)), JSON.stringify(text)).toBe(letters(cleanText(text)));
    }
  });

  it('is cleaned in time that grows with its length, spaces or none', () => {
    expect(encode('猫'.repeat(100_000)).length).toBeGreaterThan(1000);
    expect(encode('&'.repeat(20_000)).length).toBeGreaterThan(100);
  });

  it('stays right when the cache of words turns over', () => {
    const before = encode('a photo of a calendar');
    for (let i = 0; i < 70_000; i++) encode(`q${i.toString(26).replace(/\d/g, (d) => 'qrstuvwxyz'[Number(d)]!)}z`);
    expect(encode('a photo of a calendar')).toEqual(before);
  });
});

describe('clean-up', () => {
  it("follows Python's html.unescape", () => {
    expect(unescapeHtml('&notit; &amp &#X41;&#66 &#1;|&#xdfff; &nothing')).toBe('¬it; & AB |\ufffd ¬hing');
  });

  it('collapses white space and case', () => {
    expect(cleanText('  A\u00a0\n\tB\u3000c\u2028 ')).toBe('a b c');
  });
});
