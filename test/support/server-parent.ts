/** A process that starts a server, says which, and never ends by itself; for a test that kills it. */
import { LocalServer } from '../../src/demo/server/local-server.ts';
import { findMariadb, installMariadb } from '../../src/demo/server/mariadb-program.ts';

const program = (await findMariadb()) ?? (await installMariadb(console.error));
const server = await LocalServer.open(program);
console.log(JSON.stringify({ pid: server.pid, folder: server.folder }));
setInterval(() => undefined, 60_000);
