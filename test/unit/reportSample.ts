import { random } from '../../lib/random.js';
import type { Example, Metrics, ReportData, ResultRow } from '../../lib/report/types.js';

const KINDS = [
  'arrow',
  'cloud',
  'lock',
  'calendar',
  'battery',
  'chart',
  'folder',
  'leaf',
  'train',
  'camera',
  'bell',
  'key',
];
const FORMS = [
  '',
  ' off',
  ' left',
  ' with plus sign',
  ' in a circle',
  ' outline',
  ' alert',
  ' search',
  ' history',
  ' up right',
];

const row = (name: string, all: number, many: number, medium: number, few: number): ResultRow => ({
  name,
  all,
  many,
  medium,
  few,
});

function curve(
  seed: number,
  steps: number,
  extra: (loss: number) => Metrics,
  validation: (x: number) => Metrics,
): Metrics[] {
  const draw = random(seed, 'curve', 0);
  return Array.from({ length: steps / 5 }, (_, i) => {
    const x = (i + 1) / (steps / 5);
    const loss = 1.6 + 3.9 * Math.exp(-4 * x) + 0.08 * draw.normal();
    const step = 5 * (i + 1);
    const evaluated = step % 100 === 0 ? validation(1 - Math.exp(-3 * x)) : {};
    return { stage: 's', step, lr: 1e-3 * (1 - x), loss, gradNorm: 1, ...extra(loss), ...evaluated };
  });
}

/** Made-up, realistic data with `count` classes; always the same. */
export function sampleReport(count = 300): ReportData {
  const draw = random(1, 'sample', 0);
  const classes = Array.from({ length: count }, (_, c) => {
    const trainCount = Math.max(3, Math.round(139 * (3 / 139) ** (c / (count - 1))));
    const level = 30 + 24 * Math.log10(trainCount);
    const at = (shift: number) => Math.round(Math.min(10, Math.max(0, (level + shift + 22 * draw.normal()) / 10))) * 10;
    const name = `${KINDS[c % KINDS.length]}${FORMS[Math.floor(c / KINDS.length) % FORMS.length]}${c >= 120 ? ` ${Math.floor(c / 120) + 1}` : ''}`;
    return { name, trainCount, accuracy: at(12 - 4 * Math.log10(trainCount)), baseline: at(0) };
  });
  const size = 32;
  const examples = Array.from({ length: 9 }, (_, i): Example => {
    const c = Math.floor(((i + 0.5) / 9) * count);
    const truth = classes[count - 1 - c]!;
    const order = [0, 1, 2, 3, 4].map((k) => classes[(count - 1 - c + k * 12) % count]!.name);
    if (i % 4 === 3) [order[0], order[1]] = [order[1]!, order[0]!];
    const pixels = new Uint8Array(size * size * 3).fill(255);
    for (let y = 4; y < 28; y++)
      for (let x = 4; x < 28; x++)
        if ((x - 16) ** 2 + (y - 16) ** 2 < 130 && (x * (i + 2) + y * 3) % 11 > 3)
          pixels.fill(24, (y * size + x) * 3, (y * size + x) * 3 + 3);
    return {
      id: `test/${truth.name.replaceAll(' ', '-')}/material-symbols-${i}.png`,
      pixels,
      size,
      truth: truth.name,
      trainCount: truth.trainCount,
      guesses: order.map((name, k) => ({
        class: name,
        probability: 0.62 / 2.1 ** k,
        visual: 0.48 / 1.8 ** k,
        text: k === 1 ? 0.31 : 0.7 / 3 ** k,
      })),
      baseline: i % 3 === 0 ? truth.name : order[2]!,
      sentences: [
        { sentence: `a ${order[0]} icon`, attention: 0.41, share: 5.12 },
        {
          sentence: `a simple drawing of a ${order[0]}, seen from the side, with a thin outline`,
          attention: 0.22,
          share: 2.4,
        },
        { sentence: `${order[0]} sign`, attention: 0.2, share: 1.31 },
        { sentence: `something to open or close`, attention: 0.1, share: 0.22 },
        { sentence: `an office tool`, attention: 0.07, share: -0.35 },
      ],
    };
  });
  const rows = [
    row('zero-shot', 31.2, 33.9, 31.5, 28.8),
    row('baseline', 52.4, 70.3, 53.1, 35.6),
    row('stage1', 49.9, 61.2, 50.3, 40.8),
    row('vl-ltr-visual', 54.0, 70.9, 54.2, 38.9),
    row('vl-ltr-text', 53.6, 66.7, 54.9, 41.3),
    row('vl-ltr', 56.3, 71.4, 56.9, 42.2),
    row('baseline-balanced', 53.9, 67.8, 54.8, 40.3),
    row('vl-ltr-balanced', 56.9, 69.2, 57.3, 45.1),
    row('no-cvlp', 53.3, 70.2, 53.5, 37.7),
  ];
  return {
    title: 'VL-LTR on Icon-LT 300',
    facts: [
      ['Data', `${count} classes, 9,412 training pictures, 3,000 for test`],
      ['Runs on', 'tensorflow 2.21.0, kernels tensorflow, cpu'],
      ['Seeds', '0 (α 0.45, chosen on validation), 1 (α 0.5, chosen on validation), 2 (α 0.4, chosen on validation)'],
      ['Time', '12 min 31 s'],
    ],
    rows,
    rowsByClassMean: rows.map((r) => row(r.name, r.all! - 1.4, r.many! + 0.2, r.medium! - 0.3, r.few! - 0.6)),
    shots: { manyAbove: 50, fewUpTo: 10 },
    curves: [
      {
        stage: 'baseline',
        metrics: curve(
          1,
          1600,
          (visual) => ({ visual }),
          (x) => ({ val_visual: 54 * x }),
        ),
      },
      {
        stage: 'stage1',
        metrics: curve(
          2,
          400,
          (l) => ({ contrastive: l * 0.7, distillation: l * 0.3 }),
          (x) => ({ valAccuracy: 51 * x }),
        ),
      },
      {
        stage: 'vl-ltr',
        metrics: curve(
          3,
          800,
          (l) => ({ visual: l * 0.55, text: l * 0.45 }),
          (x) => ({ val_visual: 55 * x, val_text: 53 * x + 1 }),
        ),
      },
    ],
    classes,
    examples,
    confused: Array.from({ length: 12 }, (_, i) => ({
      truth: classes[(i * 7) % count]!.name,
      predicted: classes[(i * 7 + 12) % count]!.name,
      count: 8 - Math.floor(i / 2),
      of: 10,
    })),
    config: { pretrain: { steps: 400, batch: 256, learningRate: 1e-3 }, anchors: { anchors: 8, choice: 'anss' } },
  };
}
