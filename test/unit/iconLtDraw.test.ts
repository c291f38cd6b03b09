import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cached, type Pictures, type PictureWriter } from '../../lib/data/iconLt/cache.js';
import { drawIcon, drawIcons, isBlank, SIZE } from '../../lib/data/iconLt/draw.js';
import { findIcons, type Icon, splitSets, takesPart } from '../../lib/data/iconLt/sets.js';
import { captions, classText, fill, wordNet } from '../../lib/data/iconLt/text.js';
import { captionPictures, drawPictures, sharedConcepts } from '../../lib/data/iconLt/webPairs.js';

const icon = (id: string, body: string, more: Partial<Icon> = {}): Icon => ({
  id,
  team: 'a',
  name: id,
  concept: id,
  aliases: [],
  categories: [],
  body,
  box: [0, 0, 24, 24],
  hFlip: false,
  vFlip: false,
  rotate: 0,
  ...more,
});
const left = '<path fill="currentColor" d="M0 0h12v24H0z"/>';
/** Mean brightness of the left, right, upper and lower half. */
const halves = (rgb: Uint8Array): number[] => {
  const sums = [0, 0, 0, 0];
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const value = rgb[3 * (y * SIZE + x)]! / 255 / (SIZE * SIZE * 0.5);
      sums[x < SIZE / 2 ? 0 : 1]! += value;
      sums[y < SIZE / 2 ? 2 : 3]! += value;
    }
  return sums.map((s) => Math.round(s * 100) / 100);
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vl-ltr-icons-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('drawing', () => {
  it('draws black on white, flipped and turned as the icon says', async () => {
    expect(halves((await drawIcon(icon('a', left)))!)).toEqual([0, 1, 0.5, 0.5]);
    expect(halves((await drawIcon(icon('a', left, { hFlip: true })))!)).toEqual([1, 0, 0.5, 0.5]);
    expect(halves((await drawIcon(icon('a', left, { rotate: 1 })))!)).toEqual([0.5, 0.5, 0, 1]);
    expect(halves((await drawIcon(icon('a', left, { rotate: 3 })))!)).toEqual([0.5, 0.5, 1, 0]);
    const top = '<path d="M0 0h24v12H0z"/>';
    expect(halves((await drawIcon(icon('a', top, { vFlip: true })))!)).toEqual([0.5, 0.5, 1, 0]);
  });

  it('keeps a wide icon whole, centred on white, and its colours', async () => {
    const wide = (await drawIcon(icon('a', '<path fill="#f00" d="M0 0h48v24H0z"/>', { box: [0, 0, 48, 24] })))!;
    expect([...wide.slice(0, 3)]).toEqual([255, 255, 255]);
    const middle = 3 * ((SIZE / 2) * SIZE + 1);
    expect([...wide.slice(middle, middle + 3)]).toEqual([255, 0, 0]);
    const turned = (await drawIcon(icon('a', '<path d="M0 0h48v24H0z"/>', { box: [0, 0, 48, 24], rotate: 1 })))!;
    expect(turned[3 * (SIZE + SIZE / 2)]).toBe(0);
    expect(turned[3 * ((SIZE / 2) * SIZE + 1)]).toBe(255);
  });

  it('passes over what cannot be drawn or shows nothing, in order', async () => {
    const got: boolean[] = [];
    await drawIcons([icon('a', left), icon('b', '<path'), icon('c', '<g/>'), icon('d', left)], (pixels, i) => {
      got[i] = pixels !== undefined;
    });
    expect(got).toEqual([true, false, false, true]);
    expect(isBlank(new Uint8Array(SIZE * SIZE * 3).fill(7))).toBe(true);
  });
});

describe('cache of pictures', () => {
  let made = 0;
  const rgb = (value: number) => Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => (i % 3 === 0 ? value : 9));
  const grey = new Uint8Array(SIZE * SIZE * 3).fill(9);
  const make = async (writer: PictureWriter) => {
    made++;
    writer.add(grey);
    await writer.flush();
    writer.add(rgb(200));
    return { hello: 'world' };
  };
  const open = () => cached(dir, 'x', 'key', make);
  const pixels = (pictures: Pictures, i: number) => {
    const out = new Uint8Array(SIZE * SIZE * 3);
    pictures.copyTo(i, out, 0);
    return out;
  };

  it('draws once and gives back the same pixels, grey or coloured', async () => {
    made = 0;
    const first = await open();
    const second = await open();
    expect(made).toBe(1);
    for (const { data, pictures } of [first, second]) {
      expect(data).toEqual({ hello: 'world' });
      expect(pictures.channels).toBe('13');
      expect(pixels(pictures, 0)).toEqual(grey);
      expect(pixels(pictures, 1)).toEqual(rgb(200));
    }
  });

  it('believes no truncated pixels and no truncated index', async () => {
    made = 0;
    await open();
    truncateSync(join(dir, 'x-key', 'pixels.bin'), 100);
    expect(pixels((await open()).pictures, 1)).toEqual(rgb(200));
    expect(made).toBe(2);
    const index = join(dir, 'x-key', 'index.json');
    writeFileSync(index, readFileSync(index, 'utf8').slice(0, 30));
    expect((await open()).data).toEqual({ hello: 'world' });
    expect(made).toBe(3);
    rmSync(index);
    await open();
    expect(made).toBe(4);
  });

  it('leaves nothing behind when drawing fails', async () => {
    const fail = cached(dir, 'x', 'key', async (writer) => {
      await make(writer);
      throw new Error('killed');
    });
    await expect(fail).rejects.toThrow('killed');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('believes nothing of a killed process and removes its parts after a day', async () => {
    for (const [name, age] of [
      ['x-key.part-old', 90_000],
      ['x-key.part-new', 60],
    ] as const) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'pixels.bin'), 'half');
      const then = Date.now() / 1000 - age;
      utimesSync(join(dir, name), then, then);
    }
    made = 0;
    await open();
    expect(made).toBe(1);
    expect(readdirSync(dir).sort()).toEqual(['x-key', 'x-key.part-new']);
  });

  it('serves two makers at once', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    expect(pixels(a.pictures, 1)).toEqual(pixels(b.pictures, 1));
    expect(readdirSync(dir)).toEqual(['x-key']);
  });
});

describe('text of icons', () => {
  it('fills templates with the right article', () => {
    expect(fill('an icon of {a} {}', 'arrow')).toBe('an icon of an arrow');
    expect(fill('{a} {} symbol', 'cloud')).toBe('a cloud symbol');
  });

  it('defines words, the commonest sense first, without examples', () => {
    const [anchor] = wordNet().lookup('anchor', 1);
    expect(anchor).toBe('a mechanical device that prevents a vessel from moving');
    expect(wordNet().lookup('anchors', 1)).toEqual([anchor]);
    expect(wordNet().lookup('qwxyz', 3)).toEqual([]);
    for (const gloss of wordNet().lookup('run', 40)) expect(gloss).not.toMatch(/["()]|^\s|\s$|;/);
  });

  it('keeps the commonest sense and those that can be drawn', () => {
    expect(wordNet().lookup('trash', 1)[0]).toMatch(/worthless/);
    expect(wordNet().lookup('fire', 9).join()).toMatch(/burning.*fireplace/);
    expect(wordNet().lookup('fire', 9).join()).not.toMatch(/criticism|ardor/);
  });

  it('starts with prompts, then names, then definitions; no two alike, at most 24', () => {
    const text = classText(['trash', 'bin', 'trash can', 'garbage'], wordNet());
    expect(text[0]).toBe('an icon of a trash');
    expect(text).toContain('bin');
    expect(text.some((s) => s.startsWith('bin: a container'))).toBe(true);
    expect(new Set(text).size).toBe(text.length);
    expect(text.length).toBeLessThanOrEqual(24);
    expect(classText(['qwxyz'], wordNet()).length).toBe(8);
  });

  it('captions a picture by its names, category and definitions', () => {
    const text = captions('cloud snow', ['snowing'], ['weather'], wordNet());
    for (const caption of ['cloud snow', 'an icon of a cloud snow', 'snowing', 'cloud snow, weather'])
      expect(text).toContain(caption);
    expect(text.some((s) => s.startsWith('cloud: '))).toBe(true);
  });
});

describe('the web half', () => {
  it('keeps what several teams draw, under short names', () => {
    const kept = [icon('a', left, { concept: 'cloud' }), icon('b', left, { concept: 'cloud', team: 'b' })];
    const odd = ['c', 'd'].map((id) => icon(id, left, { concept: 'xq7' }));
    const long = icon('long', left, { name: 'cloud cloud cloud cloud cloud cloud', concept: 'cloud' });
    expect(sharedConcepts([...kept, ...odd, long])).toEqual(kept);
  });

  it('leaves out pictures of the data set and joins the names of equal ones', async () => {
    const dot = '<circle cx="12" cy="12" r="9"/>';
    const web = [
      icon('one', left, { name: 'half', concept: 'half' }),
      icon('two', dot, { name: 'dot', concept: 'dot' }),
      icon('three', left, { name: 'left side', concept: 'side' }),
      icon('four', left, { name: 'right side', concept: 'side', hFlip: true }),
    ];
    const { data, pictures } = await cached(dir, 'web', 'k', (writer) => drawPictures(web, [icon('z', dot)], writer));
    expect(data.ids).toEqual(['one', 'four']);
    expect(data.passedOver).toEqual({ bad: 0, inLongTail: 1 });
    expect(pictures.length).toBe(2);
    const index = captionPictures(web, data, 'k', wordNet());
    expect(index.captions[index.captionSet[0]!]).toContain('left side');
    expect(index.keys).toEqual([0, 1]);
  });
});

describe('the package of icons', () => {
  it('is asked for by name when it is not installed', () => {
    expect(() => findIcons(['file:///nowhere/index.js'])).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining('npm i @iconify/json@2.2.535') }),
    );
  });

  it('takes no non-commercial, logo, flag or animated set', () => {
    expect(takesPart('good', { category: 'UI 24px', license: { spdx: 'MIT' } })).toBe(true);
    expect(takesPart('nc', { license: { spdx: 'CC-BY-NC-4.0' } })).toBe(false);
    expect(takesPart('logos', { category: 'Logos' })).toBe(false);
    expect(takesPart('flagpack', { category: 'Flags / Maps' })).toBe(false);
    expect(takesPart('moving', { tags: ['Contains Animations'] })).toBe(false);
    expect(takesPart('codicon', { category: 'Programming' })).toBe(true);
  });

  it('splits teams the same way whatever the order of the sets', () => {
    const infos = Array.from({ length: 40 }, (_, i) => [`set${i}`, { author: { name: `team ${i % 20}` } }] as const);
    const a = splitSets(new Map(infos));
    const b = splitSets(new Map([...infos].reverse()));
    expect(a).toEqual(b);
    for (let i = 0; i < 20; i++) expect(a.web.includes(`set${i}`)).toBe(a.web.includes(`set${i + 20}`));
    expect(a.web.length + a.lt.length).toBe(40);
  });
});
