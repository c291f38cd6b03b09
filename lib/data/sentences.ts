/** Before a name or number: a full stop after these ends no sentence. Lower case, without the last stop. */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms dr prof st ste mt ft sgt capt cpt lt col gen rev hon gov sen rep sr jr fr messrs mme mlle ' +
    'no nos vs cf ca c approx fig figs eq eqs vol vols pp p pl ed eds est ch sec var subsp ssp spp sp cv nr viz aff syn ' +
    'al lit fl b d r e.g i.e eg ie a.k.a jan feb mar apr jun jul aug sep sept oct nov dec'
  ).split(' '),
);

/** Sections that speak of sources and not of the thing. */
const DROPPED_SECTIONS = new Set(['external links', 'references', 'further reading', 'bibliography']);

const TERMINATOR = /[.!?…]+["'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*/gu;
const LAST_WORD = /[\p{L}\p{N}.]+$/u;
const SENTENCE_START = /^["'“‘«([¿¡]*[\p{L}\p{N}]/u;

/** Characters around a terminator that decide: no abbreviation and no opening marks are longer. */
const REACH = 64;

/** Whether the sentence may end at a terminator: what stands before it, the mark, what follows. */
function ends(before: string, mark: string, after: string): boolean {
  if (/^[。！？]/u.test(mark)) return true;
  const next = after.trimStart();
  if (!SENTENCE_START.test(next)) return false;
  const first = next.match(/[\p{L}\p{N}]/u)![0];
  // A small letter goes on with the sentence ("approx. two", "Yahoo! was").
  if (/\p{Ll}/u.test(first)) return false;
  if (mark !== '.') return true;
  const word = before.match(LAST_WORD)?.[0] ?? '';
  // Initials and dotted abbreviations (J. Smith, U.S. Navy), unless they are pronouns or plain numbers.
  if (/^(?:\p{L}\.)*\p{L}$/u.test(word) && word !== 'I') return false;
  return !ABBREVIATIONS.has(word.toLowerCase());
}

/**
 * Sentences of a text, by rules of our own: on names, species and initials as encyclopedias have them (`Quercus alba var.
 * Latiloba`, `Mt. Fuji`, `L. in 1758`) they err less than the libraries there are. A line break ends a sentence; what holds neither
 * letter nor digit is left out.
 */
export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  const keep = (piece: string): void => {
    const sentence = piece.replace(/\s+/gu, ' ').trim();
    if (/[\p{L}\p{N}]/u.test(sentence)) sentences.push(sentence);
  };
  for (const line of text.split(/[\r\n\u2028\u2029]+/)) {
    let from = 0;
    for (const match of line.matchAll(TERMINATOR)) {
      const at = match.index + match[0].length;
      const before = line.slice(Math.max(from, match.index - REACH), match.index);
      if (!ends(before, match[0], line.slice(at, at + REACH))) continue;
      keep(line.slice(from, at));
      from = at;
    }
    keep(line.slice(from));
  }
  return sentences;
}

/**
 * Sentences of an article in Wikipedia's plain-text form: sections headed `== title ==` (deeper ones with more signs).
 * Headings are no sentences; sections of sources are left out with all that lies below them.
 */
export function articleSentences(article: string): string[] {
  const lines: string[] = [];
  let droppedLevel = 0;
  for (const line of article.split(/\r\n|[\r\n]/)) {
    const heading = line.match(/^\s*(={2,})\s*(.*?)\s*={2,}\s*$/);
    if (!heading) {
      if (droppedLevel === 0) lines.push(line);
      continue;
    }
    const level = heading[1]!.length;
    if (droppedLevel > 0 && level > droppedLevel) continue;
    droppedLevel = DROPPED_SECTIONS.has(heading[2]!.toLowerCase()) ? level : 0;
  }
  return splitSentences(lines.join('\n'));
}
