import { defineConfig } from 'vitest/config';

// TensorFlow reads these as it is loaded, in the forked processes; each says otherwise what it was built for.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
process.env.VLLTR_QUIET ??= '1';

// Forked processes: libtensorflow and the addon live once in a process; two cores, so two at a time.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
