import { defineConfig } from 'vitest/config';

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
