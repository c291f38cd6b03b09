import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorsSentences } from '../../lib/data/authorsText.js';
import { classSentences, readClassTexts } from '../../lib/data/classText.js';
import { prompts, promptTemplates } from '../../lib/data/prompts.js';
import { articleSentences, splitSentences } from '../../lib/data/sentences.js';
import { scaledBounds, shotBounds, shotGroup, shotPresets } from '../../lib/data/shots.js';
import { listArticles, readArticle } from '../../lib/data/wiki.js';

describe('prompts', () => {
  it("are CLIP's 80, all different, with the name put in", () => {
    expect(promptTemplates).toHaveLength(80);
    expect(new Set(promptTemplates).size).toBe(80);
    expect(promptTemplates.every((t) => t.includes('{name}'))).toBe(true);
    expect(prompts('St. Bernard')).toContain('a photo of a St. Bernard.');
  });

  it('take own templates and names with special signs', () => {
    expect(prompts('$& $1 {name}', ['{name} or {name}'])).toEqual(['$& $1 {name} or $& $1 {name}']);
    expect(() => prompts('cat', ['a photo'])).toThrow(/"a photo" lacks \{name\}/);
  });
});

describe('splitSentences', () => {
  const cases: [string, string[]][] = [
    ['One. Two! Three? Four', ['One.', 'Two!', 'Three?', 'Four']],
    ['The St. Bernard is big. It drools.', ['The St. Bernard is big.', 'It drools.']],
    ['J. R. Smith met Dr. Jones in the U.S. Navy.', ['J. R. Smith met Dr. Jones in the U.S. Navy.']],
    [
      'Dogs, e.g. Boxers, weigh 3.5 kg (approx. 7 lb). They bark.',
      ['Dogs, e.g. Boxers, weigh 3.5 kg (approx. 7 lb).', 'They bark.'],
    ],
    ['He said "Stop." Then he left.', ['He said "Stop."', 'Then he left.']],
    ['So do I. We go.', ['So do I.', 'We go.']],
    [
      'Quercus alba var. Latiloba grows on Mt. Fuji. It was described by L. in 1758.',
      ['Quercus alba var. Latiloba grows on Mt. Fuji.', 'It was described by L. in 1758.'],
    ],
    ['Yahoo! was first. ... and then?', ['Yahoo! was first. ... and then?']],
    ['Wait… What?! Yes.', ['Wait…', 'What?!', 'Yes.']],
    ['犬は動物である。猫も動物である。', ['犬は動物である。', '猫も動物である。']],
    ['Это собака. Это кот.', ['Это собака.', 'Это кот.']],
    ['It has 4 legs. 2 are short.', ['It has 4 legs.', '2 are short.']],
    ['a\n\n b  c \n--\n', ['a', 'b c']],
    ['', []],
  ];
  for (const [text, sentences] of cases) {
    it(JSON.stringify(text), () => expect(splitSentences(text)).toEqual(sentences));
  }
});

describe('articleSentences', () => {
  it('drops headings and the sections of sources with what lies below them', () => {
    const article = [
      'Intro.',
      '== History ==',
      'Old. Very old.',
      '== References ==',
      'Ref one.',
      '=== Notes ===',
      'Note.',
      '== Use ==',
      'Used.',
      '=== Further Reading ===',
      'A book.',
      '==== Part ====',
      'B.',
      '=== Care ===',
      'Fed.',
      '== History ==',
      'Again.',
      '==External links==',
      'http://x',
      '== Bibliography ==',
      'C.',
    ].join('\n');
    expect(articleSentences(article)).toEqual(['Intro.', 'Old.', 'Very old.', 'Used.', 'Fed.', 'Again.']);
  });
});

describe('classSentences', () => {
  it('puts whole prompts first', () => {
    const sentences = classSentences('St. Bernard', 'A dog. Large.');
    expect(sentences).toHaveLength(82);
    expect(sentences[0]).toBe('a bad photo of a St. Bernard.');
    expect(sentences.slice(80)).toEqual(['A dog.', 'Large.']);
    expect(classSentences('cat', undefined, ['{name}'])).toEqual(['cat']);
  });
});

describe("the authors' texts", () => {
  // What their regular expression and section rules give, run on the same text.
  it('split prompts, keep what lies below a dropped section, and let a repeated title replace the earlier one', () => {
    const article = [
      'A dog. It is the U.S. breed of J. Smith? Yes! really',
      '== History ==',
      'Old times.',
      '=== References ===',
      'A ref.',
      '==== Notes ====',
      'A note. Two.',
      '== History ==',
      'New times.',
      '== external links ==',
      'Kept.',
    ].join('\n');
    expect(authorsSentences('St. Bernard', article, ['a photo of a {name}.', 'itap of a {name}.'])).toEqual([
      'a photo of a St.',
      'Bernard .',
      'itap of a St.',
      'Bernard .',
      'A dog.',
      'It is the U.S. breed of J. Smith?',
      'Yes! really New times.',
      'A note.',
      'Two.',
      'Kept.',
    ]);
    expect(authorsSentences('cat', undefined, ['a {name}.'])).toEqual(['a cat .']);
  });

  it('are read as UTF-8 or else GBK, by class index', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vlltr-wiki-'));
    await mkdir(join(dir, 'wiki'));
    await writeFile(join(dir, 'wiki', 'desc_1.txt'), Buffer.from([0xb4, 0xf3, 0xc8, 0xae, 0x2e])); // in GBK
    await writeFile(join(dir, 'wiki', 'desc_01.txt'), 'x');
    const { files, stray } = await listArticles(dir, 2);
    expect(files).toEqual([undefined, join(dir, 'wiki', 'desc_1.txt')]);
    expect(stray).toEqual([join(dir, 'wiki', 'desc_01.txt')]);
    expect(await readArticle(files[1]!)).toBe('大犬.');
    expect((await listArticles(join(dir, 'none'), 2)).files).toEqual([undefined, undefined]);
    await rm(dir, { recursive: true });
  });
});

describe('readClassTexts', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vlltr-text-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('joins classes.json and text/<class>.txt', async () => {
    await writeFile(
      join(dir, 'classes.json'),
      `\ufeff${JSON.stringify({ cat: ['Mr. Cat purrs. Loudly.', ' '], cow: 'One. Two.', cafe\u0301: [] })}`,
    );
    await mkdir(join(dir, 'text'));
    await writeFile(join(dir, 'text', 'cat.txt'), '\ufeffIt sleeps. It eats.\n');
    await writeFile(join(dir, 'text', '.hidden.txt'), 'x');
    await writeFile(join(dir, 'text', 'notes.md'), 'x');
    const { sentences, sources } = await readClassTexts(dir);
    expect(Object.fromEntries(sentences)).toEqual({
      cat: ['Mr. Cat purrs. Loudly.', 'It sleeps.', 'It eats.'],
      cow: ['One.', 'Two.'],
      caf\u00e9: [],
    });
    expect(sources.get('cat')).toHaveLength(2);
  });

  it('is empty where there is none', async () => {
    expect((await readClassTexts(dir)).sentences.size).toBe(0);
  });

  it.each([
    ['{', /classes\.json is no JSON/],
    ['[]', /classes\.json holds an array, expected \{"class"/],
    ['null', /classes\.json holds object|expected/],
    ['{"cat": [1]}', /classes\.json: the entry "cat" is \[1\], expected an array of sentences/],
  ])('names the file that is wrong: %s', async (json, message) => {
    await writeFile(join(dir, 'classes.json'), json);
    await expect(readClassTexts(dir)).rejects.toThrow(message);
  });
});

describe('shot groups', () => {
  it("follow the authors' and Decoupling's bounds", () => {
    const groups = (bounds: { manyAbove: number; fewUpTo: number }) =>
      [19, 20, 21, 99, 100, 101].map((n) => shotGroup(n, bounds));
    expect(groups(shotPresets.authors)).toEqual(['few', 'few', 'medium', 'medium', 'many', 'many']);
    expect(groups(shotPresets.decoupling)).toEqual(['few', 'medium', 'medium', 'medium', 'medium', 'many']);
  });

  it('scale with the largest class', () => {
    expect(scaledBounds([139, 2])).toEqual({ manyAbove: 50, fewUpTo: 10 });
    expect(scaledBounds([3, 1])).toEqual({ manyAbove: 2, fewUpTo: 1 });
    expect(shotBounds('auto', [100, 5])).toEqual(shotPresets.authors);
    expect(shotBounds('auto', [99, 5])).toEqual(scaledBounds([99]));
    expect(shotBounds('scaled', [100, 5])).toEqual(scaledBounds([100]));
    expect(shotBounds({ manyAbove: 7, fewUpTo: 3 }, [])).toEqual({ manyAbove: 7, fewUpTo: 3 });
  });

  it('refuse unknown names and crossed bounds', () => {
    expect(() => shotBounds('toString' as 'auto', [])).toThrow(/shots is "toString", expected authors/);
    expect(() => shotBounds({ manyAbove: 1, fewUpTo: 3 }, [])).toThrow(/manyAbove >= fewUpTo/);
  });
});
