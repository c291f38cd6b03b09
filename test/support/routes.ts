import { beforeAll, describe, expect, it } from 'vitest';
import { loadAddon, registerTensorFlowOps } from '../../bindings/load.js';
import type { KernelRoute } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from './backends.js';

/**
 * Defines the tests of an op for every route by which it can be computed, on every backend.
 * @param once computes it by one call of the addon
 * @param inTensorFlow what is tested inside TensorFlow alone
 */
export function onEveryRoute(
  testRoute: (route: KernelRoute) => void,
  once: () => unknown,
  inTensorFlow?: () => void,
): void {
  onEveryBackend((backend) => {
    describe('plain formula', () => testRoute('tfjs'));
    describe('addon on typed arrays', () => {
      testRoute('node');

      it('is what computes', () => {
        const before = loadAddon().info().calls;
        tf.tidy(() => {
          once();
        });
        expect(loadAddon().info().calls).toBe(before + 1);
      });
    });
    if (backend === 'tensorflow') {
      describe('addon inside TensorFlow', () => {
        beforeAll(() => {
          registerTensorFlowOps();
        });
        testRoute('tensorflow');
        inTensorFlow?.();
      });
    }
  });
}
