import { beforeAll, describe } from 'vitest';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { startCpu, startWasm } from '../../lib/runtime/wasm.js';

process.env.VLLTR_QUIET ??= '1';

/** Why TensorFlow cannot be had here, if it cannot. */
const lacking = await ready({ backend: 'tensorflow', kernels: 'tfjs' }).then(
  () => undefined,
  (error: Error) => error.message,
);
await startWasm();
await startCpu();

export type BackendName = 'tensorflow' | 'wasm' | 'cpu';

/** Defines the same tests on every backend, with the package's plain formulas; says why where one is skipped. */
export function onEveryBackend(define: (backend: BackendName) => void): void {
  for (const backend of ['tensorflow', 'wasm', 'cpu'] as const) {
    const missing = backend === 'tensorflow' && lacking;
    describe.skipIf(missing)(missing ? `backend ${backend} is skipped: ${missing}` : `backend ${backend}`, () => {
      beforeAll(async () => {
        await tf.setBackend(backend);
      });
      define(backend);
    });
  }
}
