import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LocalStore } from '../lake/store/local-store.ts';
import { S3Store } from '../lake/store/s3-store.ts';
import type { SinkContext } from '../open-sink.ts';
import { HiveSessions } from './hive-sessions.ts';
import { HiveSink } from './hive-sink.ts';
import type { HiveStore } from './hive-table.ts';
import type { HiveSinkOptions } from './options.ts';
import { StateFiles } from './table-state.ts';
import { WebhdfsStore } from './webhdfs-store.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

export async function openHiveSink(
  options: HiveSinkOptions,
  { logger }: Pick<SinkContext, 'logger'>,
): Promise<HiveSink> {
  const { host, port, auth, user, password, ssl, files: place, partitionColumn } = options;
  const { files, location } = openFiles(place);
  const tls = ssl && {
    rejectUnauthorized: ssl.rejectUnauthorized,
    ...(ssl.ca !== undefined && { ca: await readFile(ssl.ca) }),
    ...(ssl.cert !== undefined && { cert: await readFile(ssl.cert) }),
    ...(ssl.key !== undefined && { key: await readFile(ssl.key) }),
  };
  const timeoutMs = options.timeoutSeconds * 1000;
  const address = { host, port, auth, user, password, timeoutMs, ...(tls && { tls }) };
  const store: HiveStore = {
    sessions: new HiveSessions(address, options.connections),
    files,
    states: new StateFiles(files),
    database: options.database,
    location: location.replace(/\/+$/, ''),
    format: options.format,
    compactFiles: options.compactFiles,
    keepOldMs: options.keepOldMinutes * minuteMs,
    keepDeletedMs: options.keepDeletedDays * dayMs,
    logger,
  };
  return new HiveSink(store, partitionColumn);
}

function openFiles(place: HiveSinkOptions['files']): {
  files: HiveStore['files'];
  location: string;
} {
  switch (place.type) {
    case 'local': {
      const location = place.location ?? `file://${resolve(place.path)}`;
      return { files: new LocalStore(place.path), location };
    }
    case 'webhdfs':
      return { files: new WebhdfsStore(place), location: place.location ?? place.path };
    case 's3': {
      const { type: _, location, secretAccessKey, ...rest } = place;
      const files = new S3Store({
        ...rest,
        endpoint: rest.endpoint.replace(/\/+$/, ''),
        prefix: rest.prefix.replace(/^\/+|\/+$/g, ''),
        secretAccessKey: secretAccessKey.reveal(),
        sessionToken: undefined,
      });
      return { files, location: location ?? files.address.replace(/^s3:/, 's3a:') };
    }
  }
}
