/** Characters of a line. */
const WIDTH = 100;
/** That of the lines which a plan adds. */
const LEAST_LABEL = 9;

const isGroup = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** A group without settings of its own is one that is on, as RandAugment with its defaults. */
const isFull = (value: unknown): value is Record<string, unknown> => isGroup(value) && Object.keys(value).length > 0;

const shown = (value: unknown): string =>
  value === null || (Array.isArray(value) && value.length === 0)
    ? 'none'
    : Array.isArray(value)
      ? value.map(shown).join(',')
      : isGroup(value)
        ? 'true'
        : String(value);

/** `key=value` of all that a group holds, as `--set` takes it. */
const pairs = (group: Record<string, unknown>, above = ''): string[] =>
  Object.entries(group).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return isFull(value) ? pairs(value, `${above}${key}.`) : [`${above}${key}=${shown(value)}`];
  });

/** A label, and what it is of on as many lines as that takes. */
function labelled(label: string, width: number, parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= WIDTH - width - 1)
      lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(width)} ${line}`);
}

/**
 * A configuration as people read it: a line for what is named, the settings of a group together.
 * @param configuration what `--json` prints
 */
export function settingsText(configuration: Record<string, unknown>): string[] {
  const named = Object.entries(configuration).filter(([, value]) => value !== undefined);
  const width = Math.max(LEAST_LABEL, ...named.map(([key]) => key.length));
  return named.flatMap(([key, value]) => {
    if (!isFull(value)) return labelled(key, width, [shown(value)]);
    const inner = Object.values(value);
    // A demo's settings are those of its stages.
    return inner.length > 0 && inner.every(isGroup) ? settingsText(value) : labelled(key, width, pairs(value));
  });
}
