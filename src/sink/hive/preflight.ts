import { randomBytes } from 'node:crypto';
import { CdcError, type Problem } from '../../errors.ts';
import { hiveName, quoteName, quoteText } from './hive-names.ts';
import type { HiveStore } from './hive-table.ts';

/** What is wrong with the server, the files, or the way between the two. */
export async function storeProblems(store: HiveStore): Promise<Problem[]> {
  const where = `hive ${store.database}`;
  try {
    const seen = await probe(store);
    if (seen) return [];
    const message = `Hive does not find at ${store.location} what cdc has written to ${store.files.address}.`;
    const remedy = 'Set files.location of the sink to that folder as Hive names it.';
    return [{ code: 'CDC_SINK_FAILED', where, message, remedy, severity: 'error' }];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

/** Writes a file and lets Hive read it, through a table that exists for a moment. */
async function probe({ files, sessions, location, database }: HiveStore): Promise<boolean> {
  const name = `cdc_probe_${randomBytes(6).toString('hex')}`;
  const file = `_probe/${name}/probe.txt`;
  const databases = await sessions.all('SHOW DATABASES');
  const isThere = databases.some(([each]) => each === hiveName(database));
  await files.put(file, Buffer.from(`${name}\n`));
  try {
    const home = isThere ? database : 'default';
    const table = `${quoteName(home)}.${quoteName(name)}`;
    await sessions.run(
      `CREATE EXTERNAL TABLE ${table} (v STRING) LOCATION ${quoteText(`${location}/_probe/${name}`)} ` +
        `TBLPROPERTIES ('external.table.purge'='false')`,
    );
    try {
      const rows = await sessions.all(`SELECT v FROM ${table}`);
      return rows[0]?.[0] === name;
    } finally {
      await sessions.run(`DROP TABLE IF EXISTS ${table}`);
    }
  } finally {
    await files.delete(file);
  }
}
