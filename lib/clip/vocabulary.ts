import { END_ID, START_ID } from './bpe.js';
import { encode } from './tokenizer.js';

/**
 * The token ids worth a row of their own in a small model's embedding: start, end, and the ids that occur in at least
 * `minCount` of the texts, the most frequent first up to `limit`. All others share one row (`TextConfig.vocabulary`).
 */
export function compactVocabulary(
  texts: Iterable<string>,
  options: { minCount?: number; limit?: number } = {},
): number[] {
  const { minCount = 1, limit = Number.POSITIVE_INFINITY } = options;
  const counts = new Map<number, number>();
  for (const text of texts) for (const id of new Set(encode(text))) counts.set(id, (counts.get(id) ?? 0) + 1);
  const frequent = [...counts].filter(([, n]) => n >= minCount).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const kept = frequent.slice(0, limit - 2).map(([id]) => id);
  return [...new Set([...kept, START_ID, END_ID])].sort((a, b) => a - b);
}
