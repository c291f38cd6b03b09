/** The entries that a comma-separated option names, in their own order. @throws Error for one that there is not */
export function chosen<T>(
  option: string,
  given: string | undefined,
  all: readonly T[],
  nameOf: (entry: T) => string,
): T[] {
  if (given === undefined) return [...all];
  const names = given.split(',');
  const known = [...new Set(all.map(nameOf))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`${option} is '${given}': '${unknown}' is none of ${known.join(', ')}`);
  return all.filter((entry) => names.includes(nameOf(entry)));
}

/** @throws Error for what is no whole number of 1 or more */
export function positive(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${option} is '${given}', expected a number >= 1`);
  return value;
}

/** The numbers of a size such as 2048x1024. @throws Error unless there are as many as `form`, BxD, has */
export function sizeOf(given: string, form: string): number[] {
  const numbers = given.split('x');
  if (numbers.length !== form.split('x').length || !numbers.every((n) => /^[1-9]\d{0,8}$/.test(n))) {
    throw new Error(`the size is '${given}', expected ${form}, each a number >= 1`);
  }
  return numbers.map(Number);
}
