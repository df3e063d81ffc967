import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { DorisDouble } from './doris-double.ts';
import { loadFailures } from './doris-faults.ts';
import { failure, StreamLoad } from './stream-load.ts';

/** Listens on a free loopback port; `handle` gets requests with and without `Expect: 100-continue`. */
async function listen(
  double: DorisDouble,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (double.mishap()) return void request.socket.destroy();
    const end = response.end.bind(response);
    Object.assign(response, {
      end: (text?: string) => (double.mishap() ? request.socket.destroy() : end(text)),
    });
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, { status: 'FAILED', msg: String(error) });
    });
  };
  server.on('request', answer);
  server.on('checkContinue', answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function credentials(request: IncomingMessage): { user: string; password: string } | undefined {
  const token = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const text = token === undefined ? undefined : Buffer.from(token, 'base64').toString();
  const at = text?.indexOf(':') ?? -1;
  if (text === undefined || at < 0) return undefined;
  return { user: text.slice(0, at), password: text.slice(at + 1) };
}

/** The frontend's port: it takes no rows, it names a backend. */
export function openFrontend(double: DorisDouble): Promise<Server> {
  return listen(double, async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://frontend');
    if (url.pathname === '/api/bootstrap') {
      return sendJson(response, { msg: 'success', code: 0, data: {}, count: 0 });
    }
    const given = credentials(request);
    const denied = given === undefined ? 'need auth' : double.deny(given);
    if (denied !== undefined || given === undefined) {
      return sendJson(response, { msg: 'Unauthorized', code: 401, data: denied, count: 0 }, 401);
    }
    if (url.pathname.endsWith('/get_load_state')) return loadState(double, url, response);
    const isSecondPhase = url.pathname.endsWith('/_stream_load_2pc');
    const failed = (msg: string) => sendJson(response, { status: 'FAILED', msg });
    if (!isSecondPhase && !url.pathname.endsWith('/_stream_load')) {
      return sendJson(response, { msg: 'Not Found', code: 404 }, 404);
    }
    if (request.method !== 'PUT') return sendJson(response, { msg: 'Bad Request', code: 405 }, 405);
    if (!isSecondPhase && request.headers.expect?.toLowerCase() !== '100-continue') {
      return failed('There is no 100-continue header');
    }
    if (isSecondPhase && request.headers['txn_id'] === undefined) {
      return failed('No transaction id selected.');
    }
    const lacking = double.lacksLoadPrivilege(given.user);
    if (lacking !== undefined) return failed(lacking);
    if (double.takeFault('no-backend')) {
      return failed(
        'No backend load available, policy: computeNode=false | query=false | load=true',
      );
    }
    const internal = double.takeFault('internal-address');
    const host = internal ? 'be1.internal.invalid:8040' : `127.0.0.1:${double.backendPort}`;
    // The real frontend, too, puts user and password into the address.
    const login = `${encodeURIComponent(given.user)}:${encodeURIComponent(given.password)}`;
    response.writeHead(307, { location: `http://${login}@${host}${request.url}` });
    response.end();
  });
}

function loadState(double: DorisDouble, url: URL, response: ServerResponse): void {
  const database = decodeURIComponent(url.pathname.split('/')[2] ?? '');
  const label = url.searchParams.get('label') ?? '';
  const state = double.cluster.transactionOf(database, label)?.status ?? 'UNKNOWN';
  sendJson(response, { state, status: 'OK', msg: 'Success', code: 0, data: state });
}

/** A backend's port: takes the rows, serves the error logs. */
export function openBackend(double: DorisDouble): Promise<Server> {
  return listen(double, async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://backend');
    if (url.pathname === '/api/_load_error_log') {
      response.end(double.errorLogs.get(url.searchParams.get('file') ?? '') ?? '');
      return;
    }
    if (double.backendIsAway) return void request.socket.destroy();
    const given = credentials(request);
    const label = request.headers['label']?.toString() ?? '';
    const names = { label, twoPhase: false };
    if (given === undefined) {
      return sendJson(response, failure(new Error('no valid Basic authorization'), names));
    }
    const denied = double.deny(given) ?? double.lacksLoadPrivilege(given.user);
    if (denied !== undefined) return sendJson(response, failure(new Error(denied), names));
    if (url.pathname.endsWith('/_stream_load_2pc')) return secondPhase(double, request, response);
    await load(double, url, { request, response });
  });
}

async function load(
  double: DorisDouble,
  url: URL,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const [, , database = '', table = ''] = url.pathname.split('/').map(decodeURIComponent);
  if (double.takeFault('cut-before-body')) return void request.socket.destroy();
  const begun = StreamLoad.begin(double.cluster, { database, table, headers: request.headers });
  if (!(begun instanceof StreamLoad)) return sendJson(response, begun);
  const { id } = begun.transaction;
  if (request.headers.expect !== undefined) response.writeContinue();
  let body: Buffer;
  try {
    body = await buffer(request);
  } catch {
    return double.cluster.abort(id, 'sender is gone');
  }
  double.loads.push({ database, table, label: begun.transaction.label, bytes: body.length });
  for (const [fault, message] of Object.entries(loadFailures)) {
    if (!double.takeFault(fault as keyof typeof loadFailures)) continue;
    double.cluster.abort(id, message);
    return sendJson(response, failure(new Error(message), { label: '', twoPhase: false }));
  }
  if (double.takeFault('cut-before-commit')) {
    double.cluster.abort(id, 'sender is gone');
    return void request.socket.destroy();
  }
  if (double.takeFault('cut-then-abort')) {
    double.cluster.finishLater(() => double.cluster.abort(id, 'cancelled'));
    return void request.socket.destroy();
  }
  const logErrors = (lines: string) => double.logErrors(lines);
  if (double.takeFault('cut-while-running')) {
    double.cluster.finishLater(() => begun.finish(body, { logErrors, publishLater: false }));
    return void request.socket.destroy();
  }
  const publishLater = double.takeFault('publish-timeout');
  const result = begun.finish(body, { logErrors, publishLater });
  if (double.takeFault('cut-after-commit')) return void request.socket.destroy();
  if (double.takeFault('hang-after-commit')) return;
  sendJson(response, result);
}

function secondPhase(
  double: DorisDouble,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const id = Number(request.headers['txn_id']);
  const operation = request.headers['txn_operation'];
  try {
    if (!Number.isInteger(id))
      throw new Error(`convert txn_id [${request.headers['txn_id']}] failed`);
    if (operation === 'commit') double.cluster.commitPrepared(id);
    else if (operation === 'abort') double.cluster.abort(id, 'User Abort');
    else throw new Error("transaction operation should be 'commit' or 'abort'");
  } catch (error) {
    const msg = `TStatus: ${error instanceof Error ? error.message : error}`;
    sendJson(response, { status: 'ANALYSIS_ERROR', msg });
    return;
  }
  if (double.takeFault('cut-after-second-phase')) return void request.socket.destroy();
  sendJson(response, { status: 'Success', msg: `transaction [${id}] ${operation} successfully.` });
}
