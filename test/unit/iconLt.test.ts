import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIconLt } from '../../lib/data/iconLt/index.js';
import { teacherNotice, webLicences } from '../../lib/data/iconLt/licences.js';
import { findIcons, type Icon, readHalf, readInfos, splitSets } from '../../lib/data/iconLt/sets.js';
import { type PlannedClass, PRESETS, planClasses } from '../../lib/data/iconLt/split.js';
import type { ImageSource, LongTailData } from '../../lib/data/types.js';
import { random, shuffled } from '../../lib/random.js';

/** Changes only with the definition of Icon-LT: then say so in the change log and make the teacher's weights anew. */
const PLAN_OF_300 = 'a88fb4768340e853';

let lt: Icon[];
let data: LongTailData;
let dirs: string[];
const plans = new Map<number, PlannedClass[]>();
beforeAll(async () => {
  dirs = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'vl-ltr-icon-lt-')));
  data = await openIconLt({ classes: 12, cacheDir: dirs[0] });
  lt = readHalf(findIcons(), 'lt');
  for (const classes of [12, 100, 300, 1000]) plans.set(classes, planClasses(lt, PRESETS[classes]!));
});
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

const indices = (source: ImageSource): number[] => Array.from({ length: source.length }, (_, i) => i);
const countsOf = (source: ImageSource, classes: number): number[] => {
  const counts = new Array<number>(classes).fill(0);
  for (const label of source.labels) counts[label]!++;
  return counts;
};
const hashes = async (source: ImageSource): Promise<string[]> => {
  const bytes = source.size ** 2 * 3;
  const pixels = await source.read(indices(source));
  return indices(source).map((i) =>
    createHash('sha1')
      .update(pixels.subarray(i * bytes, (i + 1) * bytes))
      .digest('hex'),
  );
};

describe('the two halves', () => {
  it('share no set, no design team and no author', () => {
    const infos = readInfos(findIcons());
    const { web, lt: other, teams } = splitSets(infos);
    const of = (sets: readonly string[], what: (set: string) => string) => new Set(sets.map(what));
    for (const what of [
      (set: string) => set,
      (set: string) => teams.get(set)!,
      (set: string) => infos.get(set)!.author!.name!,
    ]) {
      const there = of(other, what);
      for (const one of of(web, what)) expect(there.has(one), one).toBe(false);
    }
    expect(web.length).toBeGreaterThan(80);
    expect(other.length).toBeGreaterThan(80);
    for (const set of [...web, ...other]) expect(infos.get(set)!.license!.spdx).not.toMatch(/-NC/);
  });
});

describe("the notice beside the teacher's weights", () => {
  it('names every set it learnt from, as the code lists them, none of them non-commercial', () => {
    const groups = webLicences(findIcons());
    const notice = new URL('../../lib/presets/icon-lt-teacher.NOTICE.md', import.meta.url);
    expect(readFileSync(notice, 'utf8')).toBe(teacherNotice(groups));
    const infos = readInfos(findIcons());
    const web = new Set(splitSets(infos).web);
    for (const { licence, sets } of groups) {
      expect(licence).not.toMatch(/-NC|unknown/);
      for (const { prefix } of sets) expect(web.has(prefix), prefix).toBe(true);
    }
    expect(groups.length).toBeGreaterThan(5);
  });
});

describe('the plan', () => {
  it('has the classes, tail and shot groups of each preset', () => {
    for (const [classes, plan] of plans) {
      const { peak, test, val } = PRESETS[classes]!;
      expect(plan.length).toBe(classes);
      expect(new Set(plan.map((c) => c.concept)).size).toBe(classes);
      expect(plan[0]!.count).toBeLessThanOrEqual(peak);
      expect(plan[0]!.count).toBeGreaterThan(0.8 * peak);
      expect(plan.at(-1)!.count).toBe(2);
      for (const c of plan) expect(c.teams.length).toBeGreaterThan(test + val);
    }
    const counts = plans.get(300)!.map((c) => c.count);
    const share = (keep: (n: number) => boolean): number => counts.filter(keep).length / 300;
    expect(share((n) => n > 50)).toBeGreaterThan(0.2);
    expect(share((n) => n <= 10)).toBeGreaterThan(0.45);
    expect(share((n) => n <= 5)).toBeGreaterThan(0.35);
  });

  it('depends on neither the order of the files nor the run', () => {
    const again = planClasses(shuffled(lt, random(1, 'order')), PRESETS[300]!);
    const digest = (plan: readonly PlannedClass[]): string =>
      createHash('sha256')
        .update(JSON.stringify(plan.map((c) => [c.concept, c.count, c.teams.map((own) => own.map((i) => i.id))])))
        .digest('hex')
        .slice(0, 16);
    expect(digest(again)).toBe(digest(plans.get(300)!));
    expect(digest(again)).toBe(PLAN_OF_300);
  });

  it('draws classes at random: the tail is not merely what is rare on the web', () => {
    const size = (c: PlannedClass): number => c.teams.flat().length;
    const tail = plans.get(300)!.filter((c) => c.count <= 5);
    expect(tail.filter((c) => size(c) > 60).length).toBeGreaterThan(5);
  });
});

describe('a small Icon-LT', () => {
  it('has a balanced test and validation split and a long tail', () => {
    const { test, val } = PRESETS[12]!;
    expect(new Set(countsOf(data.test!, 12))).toEqual(new Set([test]));
    expect(new Set(countsOf(data.val!, 12))).toEqual(new Set([val]));
    const train = countsOf(data.train, 12);
    expect(Math.max(...train)).toBeGreaterThan(30);
    expect(Math.min(...train)).toBe(2);
    expect(data.shots).toEqual({ manyAbove: 50, fewUpTo: 10 });
  });

  it('holds out design teams class by class', () => {
    const team = new Map(lt.map((icon) => [icon.id, icon.team]));
    const byClass = (source: ImageSource, c: number): string[] =>
      indices(source).flatMap((i) => (source.labels[i] === c ? [team.get(source.id(i))!] : []));
    for (let c = 0; c < 12; c++) {
      const [train, val, test] = [data.train, data.val!, data.test!].map((source) => new Set(byClass(source, c)));
      for (const one of [...val!, ...test!]) expect(train!.has(one)).toBe(false);
      for (const one of val!) expect(test!.has(one)).toBe(false);
      expect(test!.size).toBe(PRESETS[12]!.test);
    }
  });

  it('holds no two equal pictures', async () => {
    const all = (await Promise.all([data.train, data.val!, data.test!].map(hashes))).flat();
    expect(new Set(all).size).toBe(all.length);
  });

  it('has clean names and a text for every class', () => {
    expect(new Set(data.classes).size).toBe(12);
    for (const [c, name] of data.classes.entries()) {
      expect(name).toMatch(/^[a-z0-9]+( [a-z0-9]+)*$/);
      expect(data.sentences[c]!.length).toBeGreaterThanOrEqual(8);
      expect(data.sentences[c]![0]).toContain(name);
      for (const sentence of data.sentences[c]!) expect(sentence.trim()).not.toBe('');
    }
  });

  it('is the same when drawn anew', async () => {
    const again = await openIconLt({ classes: 12, cacheDir: dirs[1] });
    expect([again.classes, again.sentences]).toEqual([data.classes, data.sentences]);
    for (const split of ['train', 'val', 'test'] as const) {
      const [a, b] = [data[split]!, again[split]!];
      expect(indices(b).map((i) => b.id(i))).toEqual(indices(a).map((i) => a.id(i)));
      expect(await hashes(b)).toEqual(await hashes(a));
    }
  });

  it('comes from the cache the second time, without drawing', async () => {
    let drawn = 0;
    const again = await openIconLt({ classes: 12, cacheDir: dirs[0], onProgress: () => drawn++ });
    expect(drawn).toBe(0);
    expect(again.train.length).toBe(data.train.length);
  });

  it('refuses a wrong size and a picture that is not there', async () => {
    await expect(openIconLt({ classes: 7 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(data.train.read([data.train.length])).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});
