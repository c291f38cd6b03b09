import { availableParallelism } from 'node:os';
import { loadAddon } from '../../bindings/load.js';
import { type Backend, type KernelRoute, ready } from '../../lib/runtime/ready.js';
import type { Command } from './participant.js';

/** The ways in which this package, or TensorFlow.js without it, computes on the CPU. */
const ROUTES = {
  /** Our kernels as TensorFlow's ops. */
  tensorflow: { backend: 'tensorflow', kernels: 'tensorflow' },
  /** Our kernels through Node-API, on the wasm heap. */
  node: { backend: 'wasm', kernels: 'node' },
  plain: { backend: 'tensorflow', kernels: 'tfjs' },
  'plain-wasm': { backend: 'wasm', kernels: 'tfjs' },
} satisfies Record<string, { backend: Backend; kernels: KernelRoute }>;

export type RouteName = keyof typeof ROUTES;

/** A worker of build/bench that computes by a route. A choice forced on the whole would contradict one of them. */
export const nodeWorker = (script: string, route: RouteName): Command => ({
  command: process.execPath,
  args: ['--expose-gc', script, route],
  env: { VLLTR_QUIET: '1', VLLTR_BACKEND: undefined, VLLTR_KERNELS: undefined, VLLTR_DEVICE: undefined },
});

/** Starts the route that a worker was given, once a process; says what runs. */
export async function startRoute(name = process.argv[2] ?? ''): Promise<string> {
  const route = ROUTES[name as RouteName];
  if (!route) throw new Error(`no route is named '${name}'; known: ${Object.keys(ROUTES).join(', ')}`);
  const { backend, tensorflow = '', kernels } = await ready({ ...route, device: 'cpu' });
  if (kernels === 'tfjs') return `${backend} ${tensorflow}, TensorFlow.js's kernels, ${availableParallelism()} cores`;
  const { isa, threads } = loadAddon().info();
  return `${backend} ${tensorflow}, kernels ${kernels}, ${isa}, ${threads} threads`;
}
