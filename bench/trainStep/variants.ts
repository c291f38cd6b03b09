import { availableParallelism } from 'node:os';
import { type CaptureOptions, capture } from '../../lib/runtime/capture/index.js';
import { type KernelName, type ReadyOptions, ready, withKernels } from '../../lib/runtime/ready.js';
import { usePlainTensorFlow } from '../support/plainTensorFlow.js';
import type { Step } from './steps.js';

/** A step ready to be called again and again. */
export interface Running {
  step: Step;
  dispose: () => void;
}

interface Variant {
  kernels: NonNullable<ReadyOptions['kernels']>;
  /** Said after the kernels. */
  what: string;
  /** Once TensorFlow runs. */
  after?: () => Promise<void>;
  run: (step: Step) => Running;
}

const opByOp = (step: Step): Running => ({ step, dispose: () => {} });
const captured =
  (options: CaptureOptions) =>
  (step: Step): Running => {
    const whole = capture(step, options);
    return { step: whole, dispose: () => whole.dispose() };
  };
/** One function, some of the package's ops being TensorFlow.js's composed formulas in it. */
const without = (what: string, ...ops: KernelName[]) => ({
  kernels: 'auto' as const,
  what: `one function, ${what} composed`,
  run: (step: Step) => captured({})((...given) => withKernels('tfjs', () => step(...given), ops)),
});

/** The ways in which this package, or TensorFlow.js without it, can run a step. */
const VARIANTS = {
  plain: { kernels: 'tfjs', what: 'composed formulas', after: usePlainTensorFlow, run: opByOp },
  'op-by-op': { kernels: 'auto', what: 'op by op', run: opByOp },
  captured: { kernels: 'auto', what: 'one function', run: captured({}) },
  'captured-xla': { kernels: 'auto', what: 'one function, XLA', run: captured({ xla: true }) },
  'captured-bf16': { kernels: 'auto', what: 'one function, bfloat16', run: captured({ precision: 'bf16' }) },
  'captured-without-adamw': without('AdamW', 'adamw'),
  'captured-without-layer-norm': without('layer norm', 'layerNorm'),
  'captured-without-contrastive': without('the contrastive loss', 'classwiseContrastive'),
  'captured-without-attention': without('attention to anchors', 'anchorAttention'),
  'captured-without-any': without('all', 'adamw', 'layerNorm', 'classwiseContrastive', 'anchorAttention'),
} satisfies Record<string, Variant>;

export type VariantName = keyof typeof VARIANTS;

/** Starts TensorFlow as a variant needs it. Once a process. */
export async function startVariant(name: string): Promise<{ what: string; run: Variant['run'] }> {
  const variant: Variant | undefined = VARIANTS[name as VariantName];
  if (!variant) throw new Error(`no variant is named '${name}'; known: ${Object.keys(VARIANTS).join(', ')}`);
  const runtime = await ready({ backend: 'tensorflow', device: 'cpu', kernels: variant.kernels });
  await variant.after?.();
  const what = `TensorFlow ${runtime.tensorflow}, kernels ${runtime.kernels}, ${availableParallelism()} threads`;
  return { what: `${what}, ${variant.what}`, run: variant.run };
}
