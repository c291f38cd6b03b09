import { defineConfig } from 'vitest/config';

// TensorFlow reads these as it is loaded, in the forked processes; each says otherwise what it was built for.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
process.env.VLLTR_QUIET ??= '1';

// Limits end what hangs, and judge nothing: what takes a minute here takes ten on one busy core.
const LIMIT_MS = 1_200_000;

// Forked processes: libtensorflow and the addon live once in a process; two cores, so two at a time.
export default defineConfig({
  test: {
    pool: 'forks',
    execArgv: ['--expose-gc'], // tests of memory collect what is garbage first
    include: ['test/**/*.test.ts'],
    testTimeout: LIMIT_MS,
    hookTimeout: LIMIT_MS,
    maxWorkers: 2,
  },
});
