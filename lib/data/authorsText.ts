import { prompts } from './prompts.js';

/*
 * Class texts as the authors' public code makes them (its behaviour, METHOD.md "Text corpus"), for parity with their
 * checkpoints and corpora. Where it differs from ours is its doing: prompts are split like any text, so that
 * "St. Bernard" falls apart; the last prompt runs into the article; a repeated section title replaces the earlier
 * section; only a heading that says exactly "References" is dropped, not what lies below it.
 */

const DROPPED = new Set(['External links', 'References', 'Further reading', 'Bibliography']);

/**
 * Behind a full stop or question mark and before white space or a capital, unless initials ("U.S.", "J.") stand there.
 * Letters and digits are those of Python's regular expressions.
 */
const BOUNDARY = /(?<![\p{L}\p{N}_]\.[\p{L}\p{N}_][^\n])(?<![A-Z]\.)(?<=[.?])(?=[\s\u0085A-Z])/u;

/** Sections by title, in the order in which titles first stood; the text before the first is "summary". */
function sections(article: string): Map<string, string> {
  const found = new Map<string, string>();
  let title = 'summary';
  let lines: string[] = [];
  for (const line of article.split(/\r\n|[\r\n]/).map((l) => l.trim())) {
    if (line === '') continue;
    if (!line.startsWith('==')) {
      lines.push(line);
      continue;
    }
    found.set(title, lines.join('\n'));
    title = line.replace(/^[= ]+|[= ]+$/g, '');
    lines = [];
  }
  return found.set(title, lines.join('\n'));
}

/** All sentences of a class, those of its prompts first, white space as single spaces (the tokenizer's view). */
export function authorsSentences(name: string, article: string | undefined, templates: readonly string[]): string[] {
  const parts = article === undefined ? new Map<string, string>() : sections(article);
  const rest = [...parts].filter(([title]) => title !== 'summary' && !DROPPED.has(title)).map(([, text]) => text);
  // They put the name in with a space behind it, which no token shows but which keeps "cat." from ending in a capital.
  const text = `${prompts(`${name} `, templates).join('\n')}${parts.get('summary') ?? ''}\n${rest.join('\n')}`;
  return text
    .split(BOUNDARY)
    .map((sentence) => sentence.replace(/\s+/gu, ' ').trim())
    .filter((sentence) => sentence !== '');
}
