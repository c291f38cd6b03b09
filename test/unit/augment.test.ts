import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../../lib/runtime/tf.js';
import { type AugmentOptions, augment as augmented } from '../../lib/training/augment.js';
import { evalResize, evalView } from '../../lib/training/cleanView.js';
import { randomCrop } from '../../lib/training/imagenetView.js';
import { drawMix, mixBatch, mixTargets } from '../../lib/training/mixup.js';
import { CLIP_MEAN, CLIP_STD } from '../../lib/training/normalise.js';
import { applyOperation, OPERATIONS, randAugment } from '../../lib/training/randAugment.js';
import { random } from '../../lib/training/random.js';
import { type Box, resampleBicubic } from '../../lib/training/resample.js';

const pictures = (n: number, size: number, seed = 1): Uint8Array => {
  const draw = random(seed, 'pictures');
  return Uint8Array.from({ length: n * size * size * 3 }, () => draw.int(256));
};
/** The views of one stream; another where a test asks for it. */
const augment = (
  pixels: Uint8Array,
  size: number,
  to: number,
  options: AugmentOptions,
  seed: number,
  step: number,
  stream = 'test',
) => augmented(pixels, size, to, options, seed, step, stream);
const byte = (value: number, channel: number): number => (value * CLIP_STD[channel]! + CLIP_MEAN[channel]!) * 255;

describe('bicubic resampling', () => {
  const reference = JSON.parse(readFileSync(new URL('../reference/bicubic.json', import.meta.url), 'utf8')) as {
    width: number;
    pixels: number[];
    cases: { box: Box; to: [number, number]; values: number[] }[];
  };
  it.each(reference.cases)('equals the antialiased reference: $box.width×$box.height → $to', ({ box, to, values }) => {
    // The picture lies behind other bytes, as in a batch.
    const bytes = Uint8Array.from([9, 9, 9, ...reference.pixels]);
    const got = resampleBicubic(bytes, 3, reference.width, box, to[0], to[1]);
    expect(got.length).toBe(values.length);
    // It is rounded and cut off to bytes twice, after the rows and after the columns (as Pillow's, test/parity/pictures).
    const off = values.map((v, i) => Math.abs(got[i]! - Math.min(255, Math.max(0, v))));
    expect(off.reduce((a, b) => a + b) / off.length).toBeLessThan(1);
  });
});

describe('clean view', () => {
  it('comes from pictures 8/7 as large, cut off to whole pixels: int(floor(size / 0.875)) in timm', () => {
    const sizes = [224, 384, 288, 336, 112, 32, 18, 16, 8, 1];
    expect(sizes.map(evalResize)).toEqual([256, 438, 329, 384, 128, 36, 20, 18, 9, 1]);
  });

  it('normalises with the mean and standard deviation of CLIP', () => {
    const view = evalView(Uint8Array.of(0, 128, 255), 1, 1);
    expect(view[0]).toBeCloseTo(-0.48145466 / 0.26862954, 5);
    expect(view[1]).toBeCloseTo((128 / 255 - 0.4578275) / 0.26130258, 5);
    expect(view[2]).toBeCloseTo((1 - 0.40821073) / 0.27577711, 5);
    expect([...augment(Uint8Array.of(0, 128, 255), 1, 1, { preset: 'none' }, 0, 0)]).toEqual([...view]);
  });
  it('cuts out the centre of larger pictures', () => {
    const pixels = pictures(2, 16);
    const view = evalView(pixels, 16, 14); // 14 / 0.875 = 16: no scaling
    const at = (n: number, y: number, x: number) => pixels[((n * 16 + y) * 16 + x) * 3]!;
    expect(byte(view[0]!, 0)).toBeCloseTo(at(0, 1, 1), 3);
    expect(byte(view[((14 + 13) * 14 + 13) * 3]!, 0)).toBeCloseTo(at(1, 14, 14), 3);
    const flat = evalView(new Uint8Array(40 * 40 * 3).fill(77), 40, 20);
    expect(flat.length).toBe(20 * 20 * 3);
    for (let i = 0; i < flat.length; i += 3) expect(byte(flat[i]!, 0)).toBeCloseTo(77, 3);
    expect(evalView(pixels, 16, 24).length).toBe(2 * 24 * 24 * 3);
  });
  it('names what does not fit', () => {
    expect(() => evalView(new Uint8Array(10), 2, 2)).toThrow(/pixels has 10 bytes; expected a multiple of 2·2·3/);
    expect(() => evalView(new Uint8Array(12), 2, 2, 1)).toThrow(/resize is 1/);
    expect(() => augment(new Uint8Array(12), 2, 2, { preset: 'x' } as unknown as AugmentOptions, 0, 0)).toThrow(
      /preset is 'x'/,
    );
  });
});

describe.each<AugmentOptions>([{ preset: 'icon' }, { preset: 'imagenet' }])('augmentation $preset', (options) => {
  it('is a function of seed, step, stream and position', () => {
    const pixels = pictures(4, 12);
    const view = augment(pixels, 12, 8, options, 3, 5);
    expect([...augment(pixels, 12, 8, options, 3, 5)]).toEqual([...view]);
    expect([...augment(pixels.subarray(0, 12 * 12 * 3), 12, 8, options, 3, 5)]).toEqual([...view.subarray(0, 192)]);
    for (const other of [
      augment(pixels, 12, 8, options, 4, 5),
      augment(pixels, 12, 8, options, 3, 6),
      augment(pixels, 12, 8, options, 3, 5, 'other'),
    ])
      expect([...other]).not.toEqual([...view]);
    const twice = new Uint8Array(2 * 12 * 12 * 3);
    twice.set(pixels.subarray(0, 432));
    twice.set(pixels.subarray(0, 432), 432);
    const two = augment(twice, 12, 8, options, 3, 5);
    expect([...two.subarray(0, 192)]).not.toEqual([...two.subarray(192)]);
    for (const v of view) expect(Number.isFinite(v)).toBe(true);
  });
});

describe('icon view', () => {
  const still = { preset: 'icon', zoom: 0, rotate: 0, shift: 0, invert: 0 } as const;
  it('is the clean view without any change, inverted and mirrored on demand', () => {
    const pixels = pictures(2, 6);
    const clean = evalView(pixels, 6, 6);
    const close = (got: Float32Array, want: ArrayLike<number>) => {
      for (let i = 0; i < want.length; i++) expect(got[i]).toBeCloseTo(want[i]!, 4);
    };
    close(augment(pixels, 6, 6, still, 0, 0), clean);
    close(
      augment(pixels, 6, 6, { ...still, invert: 1 }, 0, 0),
      evalView(
        pixels.map((v) => 255 - v),
        6,
        6,
      ),
    );
    const mirrored = Uint8Array.from(pixels, (_, i) => {
      const [x, c, row] = [Math.floor(i / 3) % 6, i % 3, Math.floor(i / 18)];
      return pixels[row * 18 + (5 - x) * 3 + c]!;
    });
    close(augment(pixels, 6, 6, { ...still, flip: 1 }, 0, 0), evalView(mirrored, 6, 6));
  });
  it('brings in white, or the edge, from outside', () => {
    const black = new Uint8Array(8 * 8 * 3);
    const far = { ...still, shift: 5 };
    const seen = new Set<number>();
    for (let step = 0; step < 10; step++) {
      const white = augment(black, 8, 8, { ...far, border: 'white' }, 0, step);
      seen.add(Math.round(byte(white[0]!, 0)));
      for (const v of augment(black, 8, 8, { ...far, border: 'edge' }, 0, step).filter((_, i) => i % 3 === 0))
        expect(byte(v, 0)).toBeCloseTo(0, 3);
    }
    expect(seen).toContain(255);
  });
  it('moves by what it draws: a dot lands where the affine map says', () => {
    // Pure shift, so that the dot (bilinear weights around it) keeps its mass and its centroid tells the shift.
    const dot = new Uint8Array(33 * 33 * 3);
    dot.fill(255, (16 * 33 + 16) * 3, (16 * 33 + 16) * 3 + 3);
    const draws = new Set<string>();
    for (let step = 0; step < 20; step++) {
      const view = augment(dot, 33, 33, { ...still, shift: 0.1, border: 'edge' }, 9, step);
      let [mass, mx, my] = [0, 0, 0];
      for (let y = 0; y < 33; y++)
        for (let x = 0; x < 33; x++) {
          const v = byte(view[(y * 33 + x) * 3]!, 0);
          mass += v;
          mx += v * x;
          my += v * y;
        }
      expect(mass).toBeCloseTo(255, 1);
      expect(Math.abs(mx / mass - 16)).toBeLessThanOrEqual(3.31);
      expect(Math.abs(my / mass - 16)).toBeLessThanOrEqual(3.31);
      draws.add((mx / mass).toFixed(1));
    }
    expect(draws.size).toBeGreaterThan(8);
  });
});

describe('random resized crop', () => {
  it('stays inside, within the bounds of area and ratio', () => {
    const draw = random(0, 'crop');
    const areas: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const { left, top, width, height } = randomCrop({ width: 224, height: 224 }, [0.08, 1], [3 / 4, 4 / 3], draw);
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(Math.max(left + width, top + height)).toBeLessThanOrEqual(224);
      expect(width / height).toBeGreaterThan(0.73);
      expect(width / height).toBeLessThan(1.37);
      areas.push((width * height) / 224 ** 2);
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.07);
    expect(Math.min(...areas)).toBeLessThan(0.12);
    expect(Math.max(...areas)).toBeGreaterThan(0.9);
  });
  it('falls back to the centre when nothing fits', () => {
    expect(randomCrop({ width: 100, height: 100 }, [1, 1], [2, 3], random(0, 'x'))).toEqual({
      left: 0,
      top: 25,
      width: 100,
      height: 50,
    });
  });
});

describe('random erasing', () => {
  it('puts noise of unit variance into one box, a quarter of the time', () => {
    const grey = new Uint8Array(32 * 32 * 3).fill(100);
    const options = { preset: 'imagenet', randAugment: false } as const;
    let erased = 0;
    const noise: number[] = [];
    for (let step = 0; step < 400; step++) {
      const view = augment(grey, 32, 32, options, 1, step);
      const hit = [...view].filter((v, i) => Math.abs(byte(v, i % 3) - 100) > 0.01);
      if (hit.length) erased++;
      expect(hit.length / view.length).toBeLessThan(0.4);
      noise.push(...hit);
    }
    expect(erased).toBeGreaterThan(60);
    expect(erased).toBeLessThan(140);
    expect(noise.reduce((a, b) => a + b) / noise.length).toBeCloseTo(0, 1);
    expect(noise.reduce((a, b) => a + b * b, 0) / noise.length).toBeCloseTo(1, 1);
  });
});

describe('RandAugment', () => {
  const picture = Uint8ClampedArray.from(pictures(1, 9));
  it('leaves every operation that has a zero at magnitude 0 as it is', () => {
    for (const name of Object.keys(OPERATIONS)) {
      if (['AutoContrast', 'Equalize', 'Invert', 'PosterizeIncreasing'].includes(name)) continue;
      expect([...applyOperation(name, picture, 9, 0)], name).toEqual([...picture]);
    }
  });
  it('maps values as Pillow does', () => {
    const ramp = Uint8ClampedArray.from([10, 20, 30, 60, 20, 130, 110, 20, 200, 210, 20, 230]);
    const apply = (name: string, magnitude: number, sign = 1) => [...applyOperation(name, ramp, 2, magnitude, sign)];
    // (v − low)·255/(high − low) for each channel; a flat channel stays.
    expect(apply('AutoContrast', 9)).toEqual([0, 20, 0, 63, 20, 127, 127, 20, 216, 255, 20, 255]);
    expect(apply('Invert', 9).slice(0, 3)).toEqual([245, 235, 225]);
    expect(apply('PosterizeIncreasing', 10)).toEqual(Array(12).fill(0));
    expect(apply('PosterizeIncreasing', 5).slice(3, 6)).toEqual([0, 0, 128]); // two bits
    expect(apply('SolarizeIncreasing', 5).slice(3, 9)).toEqual([60, 20, 125, 110, 20, 55]);
    expect(apply('SolarizeAdd', 10).slice(3, 9)).toEqual([170, 130, 130, 220, 130, 200]);
    expect(apply('BrightnessIncreasing', 10, -1)[3]).toBe(6); // factor 0.1
    expect(apply('BrightnessIncreasing', 10, 1)[3]).toBe(114); // factor 1.9
    // Luma of (60, 20, 130) is 44: 44 + 1.9·(v − 44), cut off to whole numbers.
    expect(apply('ColorIncreasing', 10, 1).slice(3, 6)).toEqual([74, 0, 207]);
  });
  it('draws two operations, each carried out half of the time', () => {
    let untouched = 0;
    for (let i = 0; i < 2000; i++)
      if (randAugment(picture, 9, {}, random(7, 'randAugment', i)) === picture) untouched++;
    expect(Math.abs(untouched / 2000 - 0.25)).toBeLessThan(0.03);
  });
  it('shifts, shears and rotates; what comes in is the mean colour', () => {
    const shifted = applyOperation('TranslateXRel', picture, 9, 10 / 4.05, 1); // exactly one pixel
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 8; x++)
        expect(Math.abs(shifted[(y * 9 + x) * 3]! - picture[(y * 9 + x + 1) * 3]!)).toBeLessThanOrEqual(1);
      expect([...shifted.slice((y * 9 + 8) * 3, (y * 9 + 9) * 3)]).toEqual([123, 117, 104]);
    }
    for (const name of ['Rotate', 'ShearX', 'ShearY', 'TranslateYRel'])
      expect([...applyOperation(name, picture, 9, 9)], name).not.toEqual([...picture]);
    // The centre does not move when a picture turns.
    expect(
      Math.abs(applyOperation('Rotate', picture, 9, 9)[(4 * 9 + 4) * 3]! - picture[(4 * 9 + 4) * 3]!),
    ).toBeLessThan(2);
    expect(() => applyOperation('Melt', picture, 9, 9)).toThrow(/no operation 'Melt'/);
  });
});

describe('mixup and CutMix', () => {
  beforeAll(() => tf.setBackend('cpu'));
  const options = { classes: 3, seed: 1, stream: 'test' };

  it('takes either with chance ½, λ from its distribution', () => {
    const draws = Array.from({ length: 2000 }, (_, step) => drawMix(32, { ...options, step }));
    const cut = draws.filter((d) => d.kind === 'cutmix');
    expect(Math.abs(cut.length - 1000)).toBeLessThan(120);
    const mean = (d: { lambda: number }[]) => d.reduce((a, { lambda }) => a + lambda, 0) / d.length;
    expect(mean(draws.filter((d) => d.kind === 'mixup'))).toBeCloseTo(0.5, 1);
    for (const { lambda, box } of cut)
      expect(lambda).toBe(1 - ((box!.bottom - box!.top) * (box!.right - box!.left)) / 1024);
    expect(drawMix(32, { ...options, step: 7 })).toEqual(draws[7]);
    expect(drawMix(32, { ...options, step: 7, stream: 'other' })).not.toEqual(draws[7]);
    expect(drawMix(32, { ...options, step: 0, probability: 0 })).toEqual({ kind: 'none', lambda: 1 });
    expect(drawMix(32, { ...options, step: 0, cutmix: 0 }).kind).toBe('mixup');
    expect(drawMix(32, { ...options, step: 0, mixup: 0 }).kind).toBe('cutmix');
  });

  it('mixes pictures and targets with the batch reversed, leaking nothing', () => {
    const before = tf.memory().numTensors;
    for (let step = 0; step < 12; step++) {
      const values = Float32Array.from(pictures(3, 4, step));
      const { image, targets } = mixBatch(tf.tensor4d(values, [3, 4, 4, 3]), [0, 1, 2], {
        ...options,
        smoothing: 0.3,
        step,
      });
      const { kind, lambda, box } = drawMix(4, { ...options, step });
      const got = image.dataSync();
      for (let i = 0; i < got.length; i++) {
        const n = Math.floor(i / 48);
        const [y, x] = [Math.floor((i % 48) / 12), Math.floor((i % 12) / 3)];
        const partner = values[(2 - n) * 48 + (i % 48)]!;
        const inside = box && y >= box.top && y < box.bottom && x >= box.left && x < box.right;
        const want = kind === 'mixup' ? lambda * values[i]! + (1 - lambda) * partner : inside ? partner : values[i]!;
        expect(Math.abs(got[i]! - want)).toBeLessThan(1e-3);
      }
      const t = targets.arraySync();
      expect(t[0]![0]).toBeCloseTo(0.1 + 0.7 * lambda, 5);
      expect(t[0]![2]).toBeCloseTo(0.1 + 0.7 * (1 - lambda), 5);
      expect(t[1]![1]).toBeCloseTo(0.8, 5);
      for (const row of t) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      tf.dispose([image, targets]);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names what does not fit', () => {
    expect(() => mixTargets([5], 1, 3)).toThrow(/a label is 5; expected 0 … 2/);
    const image = tf.zeros([1, 2, 2, 3]) as tf.Tensor4D;
    expect(() => mixBatch(image, [0, 1], { ...options, step: 0 })).toThrow(/1 pictures, labels 2/);
  });
});
