import { describe, expect, it } from 'vitest';
import { Replacements } from '../../lib/data/loader/replacements.js';
import { VlltrError } from '../../lib/errors.js';

const IDS = ['lark/0', 'lark/1', 'owl/0', 'owl/1'];
const refused = (index: number) => new VlltrError('ERR_DATA', `picture ${IDS[index]} cannot be read`);

describe('a picture that cannot be read', () => {
  it('is read once more when the folder of them all serves: it may have been away for a moment', async () => {
    let away = true;
    const warnings: string[] = [];
    const back = async (): Promise<void> => {
      away = false;
    };
    const replacements = new Replacements(IDS, [0, 0, 1, 1], 0, (m) => warnings.push(m), back);
    const read = async (index: number): Promise<void> => {
      if (away) throw refused(index);
    };
    expect(await replacements.read(2, read)).toBe(2);
    expect([replacements.names, warnings]).toEqual([[], []]);
  });

  it('counts where it cannot be read then either, and is not asked again', async () => {
    const asked: number[] = [];
    const warnings: string[] = [];
    const replacements = new Replacements(IDS, [0, 0, 1, 1], 1, (m) => warnings.push(m));
    const read = async (index: number): Promise<void> => {
      asked.push(index);
      if (index === 2) throw refused(index);
    };
    expect([await replacements.read(2, read), await replacements.read(2, read)]).toEqual([3, 3]);
    expect(asked).toEqual([2, 2, 3, 3]);
    expect(replacements.names).toEqual(['owl/0']);
    expect(warnings).toEqual(['picture owl/0 cannot be read; another picture of its class is taken for it']);
  });

  it('stops all where the folder does not serve, or is another error by then', async () => {
    const gone = new VlltrError('ERR_IO', 'the folder is gone');
    const read = async (index: number): Promise<void> => {
      throw refused(index);
    };
    const away = new Replacements(
      IDS,
      [0, 0, 1, 1],
      4,
      () => {},
      () => Promise.reject(gone),
    );
    await expect(away.read(0, read)).rejects.toBe(gone);
    let first = true;
    const failing = new Replacements(IDS, [0, 0, 1, 1], 4, () => {});
    const then = failing.read(0, async (index) => {
      const error = first ? refused(index) : gone;
      first = false;
      throw error;
    });
    await expect(then).rejects.toBe(gone);
    expect([away.names, failing.names]).toEqual([[], []]);
  });
});
