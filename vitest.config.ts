import { defineConfig } from 'vitest/config';
import { CountsReporter } from './test/support/counts-reporter.ts';

/** Suites in the order they run; `e2e` goes last and file by file, because it measures whole processes. */
const suites = [
  { name: 'unit', testTimeout: 20_000, maxWorkers: 2, group: 0 },
  { name: 'contract', testTimeout: 60_000, maxWorkers: 2, group: 0 },
  { name: 'integration', testTimeout: 120_000, maxWorkers: 2, group: 0 },
  { name: 'e2e', testTimeout: 300_000, maxWorkers: 1, group: 1 },
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', new CountsReporter()],
    projects: suites.map(({ name, testTimeout, maxWorkers, group }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        pool: 'forks' as const,
        testTimeout,
        hookTimeout: testTimeout,
        maxWorkers,
        sequence: { groupOrder: group },
      },
    })),
  },
});
