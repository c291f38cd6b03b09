const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text made safe inside elements and quoted attributes. NUL, which no HTML may hold, becomes U+FFFD. */
export function escapeHtml(text: string): string {
  return text.replaceAll('\0', '\uFFFD').replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}

/** Markup that is already safe; only `html` and `raw` make it. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

/** What a template takes: text is escaped, markup is not, nothing for null, undefined and false. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

/** Marks text as safe markup. Never for anything a user named or wrote. */
export const raw = (text: string): Html => new Html(text);

function render(value: Content): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}

/** Template tag: every value is escaped unless it is markup itself, so that nothing can be forgotten. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(strings.reduce((text, part, i) => text + render(values[i - 1]) + part));
}
