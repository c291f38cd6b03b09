import type { Contender } from './contest.js';
import { nodeWorker, type RouteName } from './routes.js';

const contender = (name: string, script: string, route: RouteName, more: Partial<Contender> = {}): Contender => ({
  name,
  command: nodeWorker(script, route),
  precision: 'fp32',
  ...more,
});

/** Plain TensorFlow.js on both of its backends. */
export const plainContenders = (script: string): Contender[] => [
  contender('plain', script, 'plain', { peer: 'tfjs' }),
  contender('plain-wasm', script, 'plain-wasm', { peer: 'tfjs' }),
];

/** Our kernels by both doors. */
export const ourContenders = (script: string): Contender[] => [
  contender('ours', script, 'tensorflow'),
  contender('node', script, 'node'),
];

/** All that Node has for a kernel that also computes in bfloat16. */
export const kernelContenders = (script: string): Contender[] => [
  ...ourContenders(script),
  contender('ours-bf16', script, 'tensorflow', { precision: 'bf16' }),
  ...plainContenders(script),
];
