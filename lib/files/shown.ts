const LONGEST = 60;
const ITEMS = 8;

/** A value of a foreign file as an error shows it: short, whatever it is and however deep. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS).map((item) => (Array.isArray(item) ? '[…]' : shown(item)));
    return `[${items.join(', ')}${value.length > ITEMS ? ', …' : ''}]`;
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, LONGEST + 1)) : String(value);
  return text.length > LONGEST + 2 ? `${text.slice(0, LONGEST)}…` : text;
}
