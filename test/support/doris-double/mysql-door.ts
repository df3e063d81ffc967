import { createHash } from 'node:crypto';
import type { AddressInfo, Server as SocketServer } from 'node:net';
import { type Connection, createServer } from 'mysql2';
import { DorisError } from './doris-cluster.ts';
import type { DorisDouble } from './doris-double.ts';
import type { Result } from './select.ts';
import { readingStatement, runStatement } from './statements.ts';

interface AuthToken {
  readonly user: string;
  readonly authPluginData1: Buffer;
  readonly authPluginData2: Buffer;
  readonly authToken: Buffer;
}

/** What a server-side connection of mysql2 has; its types leave these out. */
interface ServerConnection extends Connection {
  serverHandshake(options: Readonly<Record<string, unknown>>): void;
  writeOk(options?: Readonly<Record<string, unknown>>): void;
  writeError(error: { readonly message: string; readonly code: number }): void;
  writeColumns(columns: readonly Readonly<Record<string, unknown>>[]): void;
  writeTextRow(row: readonly (string | null)[]): void;
  writeEof(): void;
  /** Each command begins to count its packets anew. */
  _resetSequenceId(): void;
  readonly stream: { destroy(): void; setNoDelay(on: boolean): void };
}

export interface MysqlDoor {
  readonly port: number;
  close(): Promise<void>;
}

/** The frontend's query port. */
export async function openMysqlDoor(double: DorisDouble): Promise<MysqlDoor> {
  const server = createServer(() => {});
  const open = new Set<ServerConnection>();
  server.on('connection', (plain: Connection) => {
    const connection = plain as ServerConnection;
    open.add(connection);
    connection.stream.setNoDelay(true);
    serve(connection, double);
    connection.on('close', () => open.delete(connection));
  });
  const listening = server as unknown as { _server: SocketServer };
  await new Promise<void>((resolve) => {
    server.listen(0);
    listening._server.once('listening', () => resolve());
  });
  return {
    port: (listening._server.address() as AddressInfo).port,
    close: async () => {
      for (const connection of open) connection.stream.destroy();
      await new Promise<void>((resolve) => listening._server.close(() => resolve()));
    },
  };
}

let lastConnection = 0;

function serve(connection: ServerConnection, double: DorisDouble): void {
  let user = '';
  connection.serverHandshake({
    protocolVersion: 10,
    serverVersion: '5.7.99',
    connectionId: ++lastConnection,
    statusFlags: 2,
    characterSet: 33,
    // Protocol 4.1, transactions, secure log-in, a database in the greeting, plug-ins.
    capabilityFlags: 0x000f_a20f & ~0x0000_0800,
    authCallback: (token: AuthToken, done: (error: null, answer?: object) => void) => {
      user = token.user;
      if (isRightPassword(token, double)) done(null);
      else done(null, { message: `Access denied for user '${user}'`, code: 1045 });
      connection._resetSequenceId();
    },
  });
  const answer = (sql: string) => {
    try {
      double.statements.push(sql);
      if (double.cutNextStatement(sql) || double.mishap()) return connection.stream.destroy();
      if (!readingStatement.test(sql)) double.checkMayWrite(user);
      const result = runStatement(sql, double.cluster, '');
      if (double.mishap()) return connection.stream.destroy();
      writeResult(connection, result);
    } catch (error) {
      const { message } = error as Error;
      connection.writeError({ message, code: error instanceof DorisError ? error.errno : 1105 });
    }
    connection._resetSequenceId();
  };
  connection.on('query', answer);
  // mysql2 hands SET to this listener.
  connection.on('stmt_prepare', answer);
  connection.on('ping', () => {
    connection.writeOk();
    connection._resetSequenceId();
  });
  connection.on('error', () => {});
}

/** `mysql_native_password`: SHA1(password) XOR SHA1(seed, SHA1(SHA1(password))). */
function isRightPassword(token: AuthToken, double: DorisDouble): boolean {
  const password = double.users.get(token.user)?.password;
  if (password === undefined) return false;
  const { authPluginData1, authPluginData2, authToken } = token;
  if (password === '') return authToken.length === 0;
  const sha1 = (...parts: (string | Buffer)[]) => {
    const hash = createHash('sha1');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const once = sha1(password);
  const seed = Buffer.concat([authPluginData1, authPluginData2.subarray(0, 12)]);
  const mask = sha1(seed, sha1(once));
  return authToken.equals(once.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

function writeResult(connection: ServerConnection, { names, rows }: Result): void {
  if (names.length === 0) {
    connection.writeOk({ affectedRows: 0 });
    return;
  }
  connection.writeColumns(
    names.map((name) => ({
      catalog: 'def',
      schema: '',
      table: '',
      orgTable: '',
      name,
      orgName: name,
      characterSet: 45,
      columnLength: 65_535,
      columnType: 253,
      flags: 0,
      decimals: 0,
    })),
  );
  for (const row of rows) connection.writeTextRow(row);
  connection.writeEof();
}
