import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { parseServerUrl, renderServerUrl } from '../../../src/demo/server/server-address.ts';

test.each([
  { name: 'everything', url: 'mysql://ann:p%40ss@db:3307', host: 'db', port: 3307, user: 'ann' },
  { name: 'no port', url: 'mysql://ann:p%40ss@db', host: 'db', port: 3306, user: 'ann' },
  { name: 'no user', url: 'mariadb://:p%40ss@db', host: 'db', port: 3306, user: 'root' },
  { name: 'IPv6', url: 'mysql://ann:p%40ss@[::1]', host: '::1', port: 3306, user: 'ann' },
])('a server url with $name is read', ({ url, host, port, user }) => {
  const address = parseServerUrl(url, 'CDC_DEMO_MYSQL_URL');
  expect(address).toMatchObject({ host, port, user });
  expect(address.password.reveal()).toBe('p@ss');
  expect(inspect(address)).not.toContain('p@ss');
  const again = parseServerUrl(renderServerUrl(address), 'CDC_DEMO_MYSQL_URL');
  expect(again).toEqual(address);
  expect(again.password.reveal()).toBe('p@ss');
});

test.each(['localhost:3306', 'http://ann:secret@db', 'ann:secret@db', ''])(
  'the url "%s" is refused without showing it',
  (url) => {
    expect(() => parseServerUrl(url, 'CDC_DEMO_MYSQL_URL')).toThrow(
      expect.objectContaining({
        code: 'CDC_USAGE',
        message: 'CDC_DEMO_MYSQL_URL is not the address of a server.',
      }),
    );
  },
);
