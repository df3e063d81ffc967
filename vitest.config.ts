import { defineConfig } from 'vitest/config';
import { CountsReporter } from './test/support/counts-reporter.ts';

/**
 * Suites in the order they run; `e2e` goes last and file by file, because it measures whole processes. Suites with real servers
 * try a failed test once more: two cores under load make any deadline wrong now and then. The reporter names such tests.
 */
const suites = [
  { name: 'unit', retry: 0, testTimeout: 20_000, maxWorkers: 2, group: 0 },
  { name: 'contract', retry: 1, testTimeout: 60_000, maxWorkers: 2, group: 0 },
  { name: 'integration', retry: 1, testTimeout: 120_000, maxWorkers: 2, group: 0 },
  { name: 'e2e', retry: 1, testTimeout: 300_000, maxWorkers: 1, group: 1 },
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', new CountsReporter()],
    projects: suites.map(({ name, testTimeout, retry, maxWorkers, group }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        pool: 'forks' as const,
        testTimeout,
        hookTimeout: testTimeout,
        maxWorkers,
        retry,
        sequence: { groupOrder: group },
      },
    })),
  },
});
