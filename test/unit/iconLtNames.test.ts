import { describe, expect, it } from 'vitest';
import { cleanName, conceptOf, isClassName, learnStyle, singular, words } from '../../lib/data/iconLt/names.js';

const plain = learnStyle([], [], []);
const clean = (name: string, style = plain): string => cleanName(name, style).join(' ');
const concept = (name: string): string => conceptOf(cleanName(name, plain));

describe('names of icons', () => {
  it('splits camel case and drops sizes and numbers', () => {
    expect(words('alarmClock-24px')).toEqual(['alarm', 'clock']);
    expect(words('arrow-left-2')).toEqual(['arrow', 'left']);
    expect(words('user2-3')).toEqual(['user']);
    expect(words('4k')).toEqual(['4k']);
  });

  it('strips style words in any set and the affixes a set declares', () => {
    expect(clean('calendar-plus-outline')).toBe('calendar plus');
    expect(clean('bell-filled')).toBe('bell');
    expect(clean('outline')).toBe('outline');
    const style = learnStyle([], ['20-filled', 'filled'], ['baseline']);
    expect(clean('bell-off-20-filled', style)).toBe('bell off');
    expect(clean('baseline-cloud', style)).toBe('cloud');
  });

  it('learns a weak style word only where twins show it', () => {
    const things = ['sun', 'moon', 'star', 'home', 'user', 'bell', 'lock', 'key', 'map'];
    const twins = learnStyle([...things, ...things.map((t) => `${t}-bold`)], [], []);
    expect(clean('sun-bold', twins)).toBe('sun');
    expect(clean('text-bold', twins)).toBe('text bold');
    const charts = learnStyle(
      things.map((t) => `${t}-line`),
      [],
      [],
    );
    expect(clean('chart-line', charts)).toBe('chart line');
  });

  it('never takes "off" or a square for a style: they change the picture', () => {
    const things = ['sun', 'moon', 'star', 'home', 'user', 'bell', 'lock', 'key', 'map'];
    const style = learnStyle(
      things.flatMap((t) => [t, `${t}-off`, `${t}-square`]),
      [],
      [],
    );
    expect(clean('bell-off', style)).toBe('bell off');
    expect(clean('bell-square', style)).toBe('bell square');
  });

  it('drops a first word that most names of a set share', () => {
    const style = learnStyle(
      Array.from({ length: 40 }, (_, i) => `acme-thing${'abcdefgh'[i % 8]}x${i}y`),
      [],
      [],
    );
    expect(clean('acme-tree', style)).toBe('tree');
  });

  it('leaves nothing of skin tones', () => expect(clean('hand-light-skin-tone')).toBe(''));

  it('makes singulars', () => {
    const pairs = {
      arrows: 'arrow',
      boxes: 'box',
      batteries: 'battery',
      glasses: 'glasses',
      gas: 'gas',
      cookies: 'cookie',
    };
    for (const [many, one] of Object.entries(pairs)) expect(singular(many)).toBe(one);
    for (const word of ['gps', 'bus', 'address', 'status', 'analysis']) expect(singular(word)).toBe(word);
  });
});

describe('concepts', () => {
  it.each([
    ['bin', 'trash'],
    ['cog', 'gear'],
    ['settings', 'gear'],
    ['magnify', 'search'],
    ['notification', 'bell'],
    ['mail', 'envelope'],
    ['account-add', 'user-plus'],
    ['file-document', 'document'],
    ['arrow-circle-left', 'circle-arrow-left'],
    ['arrow-circle-left', 'arrow-left-circle'],
    ['text-align-left', 'align-left'],
    ['map-marker', 'location'],
  ])('%s shows what %s shows', (a, b) => expect(concept(a)).toBe(concept(b)));

  it.each([
    ['bell', 'bell-off'],
    ['plus', 'plus-circle'],
    ['cup', 'trophy'],
    ['notebook', 'laptop'],
    ['delete', 'trash'],
    ['user-remove', 'user-minus'],
    ['diamond', 'gem'],
    ['volume', 'volume-off'],
  ])('%s is not merged with %s', (a, b) => expect(concept(a)).not.toBe(concept(b)));

  it('takes no brand and no name of several pictures for a class', () => {
    for (const name of ['twitter', 'github-circle', 'desktop', 'delete', 'x'])
      expect(isClassName(concept(name))).toBe(false);
    for (const name of ['calendar', 'cloud-snow', 'user-minus']) expect(isClassName(concept(name))).toBe(true);
  });
});
