import { shotGroup } from '../data/shots.js';
import { plural } from '../plural.js';
import type { SentenceShare } from '../stages/recognise.js';
import { barWidth, capitalised, methodName, signed, splitName } from './format.js';
import { type Html, html } from './html.js';
import { pictureUri } from './pictures.js';
import type { Example, ReportData } from './types.js';

/** Sentences shown before the rest is folded. */
const SHOWN_SENTENCES = 3;
/** Pictures smaller than this (px) keep their pixels' edges when scaled up. */
const PIXELATED_BELOW = 96;

const BRANCHES = [
  ['probability', 'Both', 'accent'],
  ['visual', 'Visual', 'visual'],
  ['text', 'Text', 'text-branch'],
] as const;

function guessTable({ guesses, truth, sentences }: Example): Html {
  // A vision-only classifier has no branches to tell apart.
  const branches = sentences.length > 0 ? BRANCHES : ([['probability', 'Probability', 'accent']] as const);
  return html`<table class="guesses"><thead><tr><th scope="col">Guess</th>${branches.map(
    ([, title]) => html`<th scope="col" class="n">${title}</th>`,
  )}</tr></thead>
<tbody>${guesses.map(
    (guess) => html`<tr${guess.class === truth && html` class="true"`}><th scope="row">${guess.class}${
      guess.class === truth && html`<span class="sr"> (the true class)</span>`
    }</th>${branches.map(
      ([key, , color]) =>
        html`<td class="n">${(100 * guess[key]).toFixed(0)}<span class="bar" style="--w:${barWidth(guess[key])};--c:var(--${color})"></span></td>`,
    )}</tr>
`,
  )}</tbody></table>`;
}

function sentenceList(sentences: readonly SentenceShare[], largest: number): Html {
  return html`<ul class="sentences">${sentences.map(
    ({
      sentence,
      share,
      attention,
    }) => html`<li title="attention ${(100 * attention).toFixed(1)} %"><span>${sentence}</span><b>${signed(share, 2)}</b><span class="bar" style="--w:${barWidth(Math.abs(share) / largest)};--c:var(--${share < 0 ? 'down' : 'text-branch'})"></span></li>
`,
  )}</ul>`;
}

function sentencePart({ sentences, guesses }: Example): Html | undefined {
  if (sentences.length === 0) return undefined;
  const largest = Math.max(...sentences.map((s) => Math.abs(s.share)), Number.MIN_VALUE);
  const total = sentences.reduce((sum, s) => sum + s.share, 0);
  const [shown, rest] = [sentences.slice(0, SHOWN_SENTENCES), sentences.slice(SHOWN_SENTENCES)];
  const sum = rest.reduce((all, s) => all + s.share, 0);
  return html`<h4>Sentences for “${guesses[0]?.class ?? ''}” <small>text logit ${signed(total, 2)}</small></h4>
${sentenceList(shown, largest)}${
  rest.length > 0 &&
  html`<details><summary>${plural(rest.length, 'more sentence')}, together ${signed(sum, 2)}</summary>${sentenceList(rest, largest)}</details>`
}`;
}

async function card(example: Example, data: ReportData): Promise<Html> {
  const { truth, trainCount, guesses, baseline, size } = example;
  const guess = guesses[0]?.class;
  const right = guess === truth;
  const mark = (yes: boolean) => html`<span class="${yes ? 'up' : 'down'}">${yes ? '✓ right' : '✗ wrong'}</span>`;
  return html`<article class="card"><div class="card-top">
<img src="${await pictureUri(example.pixels, size)}" width="88" height="88"${size < PIXELATED_BELOW && html` class="pixelated"`} alt="${capitalised(splitName(data))} picture of ${truth}">
<div><h3>${truth}</h3><p>${shotGroup(trainCount, data.shots)}-shot, ${plural(trainCount, 'training picture')}</p>
${guess !== undefined && html`<p>${methodName(data)} ${mark(right)}${!right && html`: ${guess}`}</p>`}
${baseline !== undefined && html`<p>Baseline ${mark(baseline === truth)}${baseline !== truth && html`: ${baseline}`}</p>`}
<p class="id" title="${example.id}">${example.id}</p></div></div>
${guesses.length > 0 && guessTable(example)}
${sentencePart(example)}
</article>`;
}

/** Pictures with what was guessed and why. @throws VlltrError ERR_ARGUMENT where pixels do not fit their size */
export async function exampleCards(data: ReportData): Promise<Html | undefined> {
  const { examples } = data;
  if (examples.length === 0) return undefined;
  const explained = examples.some(({ sentences }) => sentences.length > 0);
  const cards = await Promise.all(examples.map((example) => card(example, data)));
  return html`<p class="note">Drawn at random, right and wrong alike. Probabilities in percent${
    explained &&
    `, of both branches mixed and of each alone.
Below, the sentences of the guessed class: what each adds to its text logit is exact, they sum to it`
  }.</p>
<div class="cards">${cards}</div>`;
}
