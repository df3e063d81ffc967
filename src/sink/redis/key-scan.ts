import type { RedisConnection, Reply } from './redis-connection.ts';
import type { TextTemplate } from './text-template.ts';

const keysPerScan = 1000;

/**
 * Keys of a template, a page at a time, each once; keys that are there all the while are among them. `textBefore` stands
 * before what the template gives.
 */
export async function* scanKeys(
  connection: RedisConnection,
  textBefore: string,
  template: TextTemplate,
): AsyncGenerator<string[], void> {
  const seen = new Set<string>();
  const pattern = textBefore.replace(/[*?[\]\\]/g, '\\$&') + template.pattern();
  let cursor = '0';
  do {
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(keysPerScan)];
    const reply = (await connection.send('Scanning keys', args)) as readonly [string, Reply[]];
    cursor = reply[0];
    const page = (reply[1] as string[]).filter((key) => {
      if (seen.has(key) || template.takeApart(key.slice(textBefore.length)) === undefined)
        return false;
      seen.add(key); // a table of keys that shrinks meanwhile shows some twice
      return true;
    });
    if (page.length > 0) yield page;
  } while (cursor !== '0');
}
