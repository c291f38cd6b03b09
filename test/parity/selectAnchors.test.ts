import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import { tf } from '../../lib/runtime/tf.js';
import { type SelectAnchorsArguments, selectAnchors } from '../../lib/stages/selectAnchors.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNoLeak, relativeError } from '../support/compare.js';

interface Case {
  name: string;
  inputs: {
    text: number[][];
    counts: number[];
    image: number[][];
    labels: number[];
    logitScale: number;
    anchors: number;
  };
  losses: number[];
  selected: number[][];
}

/** float64 values of the definition: test/reference/select_anchors.py. */
const cases: Case[] = JSON.parse(readFileSync(new URL('../reference/select_anchors.json', import.meta.url), 'utf8'));
const named = (name: string): Case => cases.find((c) => c.name === name)!;

function argumentsOf({ inputs }: Case): SelectAnchorsArguments {
  return { ...inputs, text: tf.tensor2d(inputs.text), image: tf.tensor2d(inputs.image) };
}

onEveryBackend(() => {
  it.each(cases)('$name', (reference) => {
    const args = argumentsOf(reference);
    const { counts, labels, logitScale } = reference.inputs;
    const { losses, selected } = selectAnchors(args);
    expect(losses).toBeInstanceOf(Float32Array);
    expect(relativeError(losses, reference.losses)).toBeLessThan(2e-6);
    expect(selected).toEqual(reference.selected);
    const tensors = [tf.tensor1d(counts, 'int32'), tf.tensor1d(labels, 'int32'), tf.scalar(logitScale)] as const;
    const again = selectAnchors({ ...args, counts: tensors[0], labels: tensors[1], logitScale: tensors[2] });
    expect(again.selected).toEqual(reference.selected);
    tf.dispose([args.text, args.image, ...tensors]);
  });

  it('gives equal sentences equal losses, wherever they stand', () => {
    const reference = named('the same sentence again');
    const args = argumentsOf(reference);
    const { losses } = selectAnchors(args);
    for (const twin of [4, 9, 12]) expect(losses[twin]).toBe(losses[3]);
    expect(losses[18]).toBe(losses[15]);
    tf.dispose([args.text, args.image]);
  });

  it('goes tile by tile over more images than fit at once', () => {
    const images = 30_000;
    const copies = 200;
    const { image, labels, text, counts } = named('ragged').inputs;
    const repeat = Math.ceil(images / image.length);
    const large = tf.tile(tf.tensor2d(image), [repeat, 1]);
    const many = tf.tile(tf.tensor2d(text.slice(0, counts[0]!)), [copies, 1]);
    const all = {
      text: many,
      counts: [counts[0]! * copies, 0, 0, 0],
      image: large,
      labels: Array.from({ length: repeat }, () => labels).flat(),
      logitScale: 1,
      anchors: 2,
    };
    const few = { ...all, text: tf.tensor2d(text.slice(0, counts[0]!)), counts: [counts[0]!, 0, 0, 0] };
    const one = selectAnchors(few);
    const tiled = selectAnchors(all);
    expect(
      relativeError(
        tiled.losses,
        Array.from({ length: copies }, () => Array.from(one.losses)),
      ),
    ).toBeLessThan(1e-6);
    expect(tiled.selected[0]![0]).toBe(one.selected[0]![0]);
    tf.dispose([large, many, few.text]);
  });

  it('leaks nothing', () => {
    const args = argumentsOf(named('no image, no sentence'));
    expectNoLeak(() => selectAnchors(args));
    tf.dispose([args.text, args.image]);
  });
});

describe('refusals', () => {
  it.each<[string, object, RegExp]>([
    ['sum of counts', { counts: [5, 1, 8, 2] }, /counts add up to 16; expected 17, the rows of text/],
    ['negative count', { counts: [5, 1, 8, -3] }, /counts\[3\] is the number -3/],
    ['label without class', { labels: new Array(23).fill(4) }, /labels\[0\] is the number 4; .*\[0, 3\]/],
    ['label without class in a tensor', { labels: tf.fill([23], 4, 'int32') }, /labels\[0\] is 4; expected .*\[0, 3\]/],
    ['anchors', { anchors: 0 }, /anchors is the number 0; expected a whole number of at least 1/],
    ['image width', { image: tf.zeros([23, 7]) }, /image is float32 \[23,7\]; expected float32 \[N,D\] with D = 6/],
  ])('%s', (_, change, message) => {
    tf.tidy(() => {
      const call = () => selectAnchors({ ...argumentsOf(named('ragged')), ...change } as SelectAnchorsArguments);
      expect(call).toThrow(VlltrError);
      expect(call).toThrow(message);
    });
  });
});
