import { decodeHTML, decodeHTMLStrict } from 'entities';

/** Windows-1252 at 0x80 … 0x9F; the five bytes it leaves undefined stay as they are. */
const WINDOWS_1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

/** Printable ASCII without `&`: no step but white space and lower case can change it. */
const PLAIN = /^[ -%'-~]*$/;
/** Python's notion of white space, which unlike JavaScript's has U+0085 and lacks U+FEFF. */
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

const REFERENCE = /&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g;
const STRICT_REFERENCE = /&#?[0-9A-Za-z]{1,24};/g;

const C1_CONTROLS = /[\u0080-\u009f]/g;
const LATIN_LIGATURES = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;
const FULL_OR_HALF_WIDTH = /[\u3000\uff01-\uffef]/g;
const CURLY_SINGLE = /[\u02bc\u2018-\u201b]/g;
const CURLY_DOUBLE = /[\u201c-\u201f]/g;
const LONE_SURROGATES = /\p{Surrogate}/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes begin with one
const TERMINAL_ESCAPES = /\u001b\[[\p{Nd};]*[a-zA-Z]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const CONTROLS = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/** Code points that a numeric reference may name but that HTML drops. */
function forbidden(code: number): boolean {
  return (
    (code >= 0x1 && code <= 0x8) ||
    code === 0xb ||
    (code >= 0xe && code <= 0x1f) ||
    code === 0x7f ||
    (code >= 0xfdd0 && code <= 0xfdef) ||
    (code & 0xfffe) === 0xfffe
  );
}

function numericReference(match: string): string {
  const code = /^&#[xX]/.test(match) ? Number.parseInt(match.slice(3), 16) : Number.parseInt(match.slice(2), 10);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  if (code >= 0x80 && code <= 0x9f) return WINDOWS_1252[code - 0x80]!;
  return forbidden(code) ? '' : String.fromCodePoint(code);
}

/** HTML character references as Python's `html.unescape` decodes them: without a semicolon too, longest name first. */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (match) => (match[1] === '#' ? numericReference(match) : decodeHTML(match)));
}

/** One well-formed reference as ftfy takes it: with its semicolon, and `&EACUTE;` as the capital of `&eacute;`. */
function strictReference(match: string): string {
  if (match[1] === '#') {
    const decoded = unescapeHtml(match);
    return decoded.includes(';') ? match : decoded;
  }
  const decoded = decodeHTMLStrict(match);
  if (decoded !== match) return decoded;
  const small = match.toLowerCase();
  if (match === small || match !== small.toUpperCase() || unescapeHtml(match) !== match) return match;
  const letter = decodeHTMLStrict(small);
  return letter === small ? match : letter.toUpperCase();
}

/** What ftfy does by default to one line, without its repair of broken encodings, repeated until nothing changes. */
function fixLine(line: string, references: boolean): string {
  for (let text = line; ; ) {
    const before = text;
    if (references && text.includes('&')) text = text.replace(STRICT_REFERENCE, strictReference);
    text = text
      .replace(C1_CONTROLS, (c) => WINDOWS_1252[c.charCodeAt(0) - 0x80]!)
      .replace(LATIN_LIGATURES, (c) => (c === '\ufb05' ? '\u017ft' : c.normalize('NFKC')))
      .replace(FULL_OR_HALF_WIDTH, (c) => c.normalize('NFKC'))
      .replace(CURLY_SINGLE, "'")
      .replace(CURLY_DOUBLE, '"')
      .replace(LONE_SURROGATES, '\ufffd')
      .replace(TERMINAL_ESCAPES, '')
      .replace(CONTROLS, '')
      .normalize('NFC');
    if (text === before) return text;
  }
}

/**
 * ftfy's default fixes but its repair of broken encodings. Once a line holds `<`, it and the later ones are taken for
 * HTML source and keep their references. Kinds of line breaks are left to the white-space clean-up.
 */
export function fixText(text: string): string {
  let references = true;
  return text
    .split('\n')
    .map((line) => {
      if (line.includes('<')) references = false;
      return fixLine(line, references);
    })
    .join('\n');
}

/** CLIP's clean-up of a text: fixed, HTML unescaped twice, white space collapsed, lower case. */
export function cleanText(text: string): string {
  const fixed = PLAIN.test(text) ? text : unescapeHtml(unescapeHtml(fixText(text)));
  return fixed.replace(WHITE_SPACE, ' ').replace(/^ | $/g, '').toLowerCase();
}
