import { check } from '../errors.js';

/** Learning rate of a step (0-based). */
export type Schedule = (step: number) => number;

function positive(name: string, value: number): void {
  check(Number.isFinite(value) && value > 0, 'ERR_ARGUMENT', () => `${name} is ${value}; expected a positive number`);
}

/**
 * Per step: a linear rise over `warmup` steps (the first step already moves: base/warmup), times half a cosine over
 * all `steps`, from `base` down to `min`.
 */
export function cosine(options: { base: number; steps: number; warmup?: number; min?: number }): Schedule {
  const { base, steps, warmup = 0, min = 0 } = options;
  positive('steps', steps);
  check(warmup >= 0 && warmup <= steps, 'ERR_ARGUMENT', () => `warmup is ${warmup}; expected 0 … ${steps} steps`);
  return (step) => {
    const rise = warmup > 0 ? Math.min(1, (step + 1) / warmup) : 1;
    const fall = 0.5 * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps));
    return min + (base - min) * rise * fall;
  };
}

/**
 * The authors' schedule: stepped once an epoch, one epoch late, the cosine not shifted by the warm-up. With
 * f(t) = warmupRate + t·(base − warmupRate)/warmupEpochs for t < warmupEpochs, else
 * min + ½(base − min)(1 + cos(π·t/epochs)), epoch e runs at f(e−1) and epoch 0 at f(0): with a warm-up the epochs 0
 * and 1 both run at `warmupRate`.
 */
export function epochCosine(options: {
  base: number;
  epochs: number;
  /** Steps of an epoch. */
  stepsPerEpoch: number;
  /** Default 5. */
  warmupEpochs?: number;
  /** Default 1e-6. */
  warmupRate?: number;
  min?: number;
}): Schedule {
  const { base, epochs, stepsPerEpoch, warmupEpochs = 5, warmupRate = 1e-6, min = 0 } = options;
  positive('epochs', epochs);
  positive('stepsPerEpoch', stepsPerEpoch);
  return (step) => {
    const t = Math.max(0, Math.floor(step / stepsPerEpoch) - 1);
    if (t < warmupEpochs) return warmupRate + (t * (base - warmupRate)) / warmupEpochs;
    return min + 0.5 * (base - min) * (1 + Math.cos((Math.PI * Math.min(t, epochs)) / epochs));
  };
}
