import { ready } from '../../runtime/ready.js';
import { isInEpochs } from '../../stages/epochs.js';
import { gigabytes, operations } from '../amounts.js';
import { isIconLt } from '../dataName.js';
import { clock, onTerminal, print, red, say, yellow } from '../terminal.js';
import { measure, productRate } from './measure.js';
import { type Planned, planTraining, type TrainingPlan } from './plan.js';
import { settingsText } from './settingsText.js';

/** What a dry run says of the time; seconds. */
interface Time {
  update: number;
  all: number;
  /** How it was found. */
  basis: string;
}

/** Longer than a day in days. */
const duration = (seconds: number): string =>
  seconds < 86_400 ? clock(seconds) : `${(seconds / 86_400).toFixed(1)} days`;

/** Real updates where that is asked for, else, of a preset, what the count of operations allows at best. */
async function timeOf(planned: Planned, plan: TrainingPlan, options: Parameters<typeof measure>[1], real: boolean) {
  const { steps } = plan.updates;
  if (real) {
    await ready();
    const measured = await measure(planned, options);
    const basis =
      `updates of ${measured.batch} pictures, ${measured.microBatch} at a time, took ${measured.seconds.toFixed(2)} s on ` +
      'this machine; the rest in proportion';
    const time: Time = { update: measured.update, all: measured.update * steps, basis };
    return { time, measured };
  }
  if (!planned.preset) return {};
  const { backend, device } = await ready();
  const rate = productRate();
  const basis =
    `a lower bound: ${(rate / 1e9).toFixed(0)} GFLOP/s, as a product of 1024³ reaches on this machine (${backend}, ` +
    `${device}); --measure runs real updates`;
  const time: Time = { update: plan.compute.update / rate, all: plan.compute.all / rate, basis };
  return { time };
}

/** What a dry run says: the configuration as people read it or, for programs, as JSON. */
export const printSettings = (configuration: { command: string } & Record<string, unknown>, json = false): void =>
  print(json ? configuration : settingsText(configuration).join('\n'));

/**
 * `--dry-run`: prints the configuration in full and, of pictures of one's own, what the training will do and take. Exits
 * with 1 where something would stop it.
 */
export async function dryRun(
  shown: { command: string } & Record<string, unknown>,
  planned: Planned,
  flags: { measure?: boolean; json?: boolean },
): Promise<void> {
  if (isIconLt(planned.data)) {
    if (flags.measure) say(`--measure is about pictures of your own; ${planned.data} is not measured`);
    if (isInEpochs(planned.settings)) say('updates are known once the icons are drawn; the settings are in epochs');
    return printSettings({ ...shown, options: planned.settings }, flags.json);
  }
  const { plan, options } = await planTraining(planned);
  const { time, measured } = await timeOf(planned, plan, options, flags.measure === true && plan.ready);
  const about = { ...plan, ...(time && { time }), ...(measured && { measured }) };
  if (flags.json) print({ ...shown, options, plan: about });
  else print([...settingsText({ ...shown, options }), '', ...lines(plan, time)].join('\n'));
  if (!plan.ready) process.exitCode = 1;
}

const LESS = 'a smaller --micro-batch gives the same updates in less';

/** The plan as people read it. */
function lines({ ready: fine, data, weights, differs, updates, memory, compute }: TrainingPlan, time?: Time): string[] {
  const splits = Object.entries(data.pictures).map(([split, n]) => `${split} ${n}`);
  const { steps, epochs, effectiveBatch, microBatch, parts, views } = updates;
  const inParts = parts > 1 ? `, ${parts} parts of at most ${microBatch}` : '';
  const { total, machine, onCard, cards, choosing, ...parted } = memory;
  const much = total > machine || cards.some((card) => onCard > card.memory);
  const card = cards.map(({ name, memory }) => `${name} ${gigabytes(memory)}`).join(', ') || 'none here';
  const shares = Object.entries(parted).map(([what, bytes]) => `${what} ${gigabytes(bytes)}`);
  return [
    `data      ${data.format}, ${data.classes} classes; pictures: ${splits.join(', ')}; about ${data.sentences} sentences`,
    ...data.findings.map((text) => `          ${text}`),
    ...(weights.missing === undefined ? [] : [`weights   ${onTerminal(red, 'missing')}: ${weights.missing}`]),
    ...(differs?.here ?? []).map((text) => `${onTerminal(yellow, 'unlike')}    the preset: ${text}`),
    `updates   ${steps}, ${epochs} epochs; effective batch ${effectiveBatch}${inParts}; ${views} views`,
    `memory    about ${gigabytes(total)} (${shares.join(', ')}); this machine has ${gigabytes(machine)}`,
    `          of it on a card about ${gigabytes(onCard)} (${card})`,
    ...(choosing === undefined ? [] : [`          choosing anchors before it takes about ${gigabytes(choosing)}`]),
    ...(much
      ? [
          `          ${onTerminal(yellow, 'more than there is')}: ${total === choosing ? 'fewer texts, or --choice cut-off' : LESS}`,
        ]
      : []),
    `compute   ${operations(compute.update, 'TFLOP')} an update, ${operations(compute.all, 'PFLOP')} in all`,
    ...(time ? [`time      ${duration(time.all)}, ${time.update.toFixed(1)} s an update (${time.basis})`] : []),
    ...(fine ? [] : [onTerminal(red, 'not ready: what is missing or wrong would stop the training')]),
  ];
}
