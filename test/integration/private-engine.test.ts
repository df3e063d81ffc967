import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openPrivateEngine } from '../../src/engine/private-engine.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { engineProcess } from '../support/test-engine.ts';

test('a private engine answers, and its process and folder are gone when it is closed', async () => {
  const own = await openPrivateEngine(createSilentLogger());
  try {
    expect(await own.engine.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(engineProcess(own.stateFolder)).toBeTypeOf('number');
  } finally {
    await own[Symbol.asyncDispose]();
  }
  expect(engineProcess(own.stateFolder)).toBeUndefined();
  expect(existsSync(own.stateFolder)).toBe(false);
});
