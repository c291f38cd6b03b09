/** Edits (insertions, deletions, replacements) that turn one text into another. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** The known names that a name may mean, the nearest first. */
export function nearest(name: string, known: readonly string[], limit = 3): string[] {
  const wanted = name.toLowerCase();
  return known
    .map((other) => {
      const text = other.toLowerCase();
      const within = wanted.length > 2 && (text.includes(wanted) || wanted.includes(text));
      // A part of a name is near to it, however long the rest; a misspelling by a letter is nearer.
      return { other, far: Math.min(distance(wanted, text), within ? 1.5 : Number.POSITIVE_INFINITY) };
    })
    .filter(({ other, far }) => far <= Math.max(2, Math.ceil(other.length / 3)))
    .sort((a, b) => a.far - b.far)
    .slice(0, limit)
    .map(({ other }) => other);
}

/** What an unknown name may mean: the known ones nearest to it, or all of them where none is near. */
export function suggestion(name: string, known: readonly string[], limit = 3): string {
  const near = nearest(name, known, limit);
  return near.length > 0 ? `did you mean ${near.join(' or ')}?` : `expected one of ${known.join(', ')}`;
}
