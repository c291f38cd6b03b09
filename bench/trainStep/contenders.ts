import { join } from 'node:path';
import type { Command } from '../support/participant.js';
import { python } from '../support/python.js';
import type { Mode, TorchOptions } from './protocol.js';
import type { Row } from './rows.js';
import type { VariantName } from './variants.js';

/** Something that runs a row's step. */
export interface Contender {
  name: string;
  /** Head of its column. */
  label: string;
  /** What `--only` calls it, alone or with others. */
  choice: string;
  command: (folder: string) => Command;
  /** How PyTorch runs it; without a format: in the faster of the two that the eager contenders have. */
  torch?: Omit<TorchOptions, 'format'> & Partial<TorchOptions>;
  /** Relative difference of losses from op by op that is still agreement. */
  tolerance: number;
  /** Seconds until the first steps must be done. */
  patience?: number;
  /** Rows on which it differs from others; default: all. */
  kinds?: Row['kind'][];
  /** The bench fails where it fails. */
  required?: boolean;
  /** Whether its time can be told apart by ops. */
  accounted?: boolean;
}

/** The contender that all others must agree with; it also writes the rows' files. */
export const REFERENCE: VariantName = 'op-by-op';

/** Single precision, and sums in another order. */
const SINGLE = 1e-3;
/** bfloat16 keeps 8 bits. */
const HALF = 5e-2;
/** Patience with a compiler, in seconds. */
const COMPILING = 300;

const ours = (name: VariantName, label: string, more: Partial<Contender> = {}): Contender => ({
  name,
  label,
  choice: name,
  command: () => node(name),
  tolerance: SINGLE,
  ...more,
});
const torch = (name: string, label: string, options: Contender['torch'], more: Partial<Contender> = {}): Contender => ({
  name,
  label,
  choice: name,
  command: pytorch,
  torch: options,
  tolerance: SINGLE,
  ...more,
});
/** Without one of the package's kernels: what the captured step takes less than that is what the kernel gains. */
const without = (name: VariantName, label: string, kinds?: Row['kind'][]): Contender =>
  ours(name, `without ${label}`, { choice: 'without', kinds });
const eager = { compiled: false, autocast: false };

export const CONTENDERS: Contender[] = [
  ours('plain', 'plain tfjs', { accounted: true }),
  ours('op-by-op', 'op by op', { required: true, accounted: true }),
  ours('captured', 'captured', { required: true, accounted: true }),
  ours('captured-xla', 'captured + XLA', { patience: COMPILING }),
  ours('captured-bf16', 'captured + bf16', { tolerance: HALF }),
  without('captured-without-adamw', 'AdamW'),
  without('captured-without-layer-norm', 'layer norm'),
  without('captured-without-contrastive', 'contrastive loss', ['stage1']),
  without('captured-without-attention', 'attention', ['stage2']),
  without('captured-without-any', 'any'),
  torch(
    'eager-channels-last',
    'eager ch. last',
    { ...eager, format: 'channels_last' },
    // Text has no memory format.
    { choice: 'eager', kinds: ['image', 'stage1', 'stage2'], accounted: true },
  ),
  torch('eager-contiguous', 'eager contig.', { ...eager, format: 'contiguous' }, { choice: 'eager', accounted: true }),
  torch('compiled', 'compiled', { compiled: true, autocast: false }, { patience: COMPILING }),
  torch('eager-bf16', 'eager bf16', { compiled: false, autocast: true }, { tolerance: HALF }),
];

/** Whether a contender differs from others on this row. */
export const takesPart = ({ kinds }: Contender, row: Row): boolean => kinds?.includes(row.kind) ?? true;

export const label = (name: string): string => CONTENDERS.find((contender) => contender.name === name)?.label ?? name;

export const MODE_LABELS: Record<Mode, string> = {
  update: 'forward + backward + AdamW',
  gradient: 'forward + backward',
};

/** A contender in Node. */
export function node(variant: VariantName): Command {
  return {
    command: process.execPath,
    args: ['--expose-gc', join(import.meta.dirname, 'worker.js'), variant],
    // Each worker chooses for itself; a choice forced on the whole would contradict one of them.
    env: { VLLTR_QUIET: '1', VLLTR_BACKEND: undefined, VLLTR_KERNELS: undefined, VLLTR_DEVICE: undefined },
  };
}

function pytorch(folder: string): Command {
  return python('trainStep/pytorch/worker.py', {
    KINETO_LOG_LEVEL: '99',
    // It compiles anew, whatever was compiled before.
    TORCHINDUCTOR_CACHE_DIR: join(folder, 'inductor'),
  });
}
