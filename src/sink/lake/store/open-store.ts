import { resolve } from 'node:path';
import type { LakeSinkOptions } from '../options.ts';
import { LocalStore } from './local-store.ts';
import type { ObjectStore } from './object-store.ts';
import { S3Store } from './s3-store.ts';

export function openStore({ path, s3 }: LakeSinkOptions): ObjectStore {
  if (s3 === undefined) return new LocalStore(resolve(path));
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(path) ?? [];
  const { region, pathStyle, accessKeyId } = s3;
  const sessionToken = s3.sessionToken.reveal();
  return new S3Store({
    bucket,
    prefix,
    region,
    pathStyle,
    accessKeyId,
    endpoint: (s3.endpoint ?? `https://s3.${region}.amazonaws.com`).replace(/\/+$/, ''),
    secretAccessKey: s3.secretAccessKey.reveal(),
    sessionToken: sessionToken === '' ? undefined : sessionToken,
  });
}
