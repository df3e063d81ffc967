/**
 * A process: the embedded engine as one server of a cluster of one shard, behind its HTTP door. The engine knows clusters and
 * Distributed tables; what it lacks without ClickHouse's server program is taken out of the statements: ON CLUSTER, which then
 * means this server, and the replication of tables. Argument: an empty folder. Prints its port. Ends with its standard input.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chdb } from '../../src/engine/server/chdb.ts';
import { EngineServer } from '../../src/engine/server/engine-server.ts';
import { StagingArea } from '../../src/engine/server/staging-area.ts';
import { StatementRunner } from '../../src/engine/server/statement-runner.ts';

const config = `<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><one><shard>
    <internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></one></remote_servers>
  <macros><shard>01</shard><replica>first</replica></macros>
</clickhouse>`;

class ClusterRunner extends StatementRunner {
  override run(...[request, output]: Parameters<StatementRunner['run']>): Promise<void> {
    const sql = request.text.sql
      .replace(/ ON CLUSTER `one`/, '')
      .replace(/ReplicatedReplacingMergeTree\('[^']*', '[^']*', /, 'ReplacingMergeTree(');
    if (sql === request.text.sql) return super.run(request, output);
    return super.run({ ...request, text: { ...request.text, sql } }, output);
  }
}

const folder = process.argv[2] ?? '';
const configFile = join(folder, 'config.xml');
writeFileSync(configFile, config);
mkdirSync(join(folder, 'data'));
const chdb = Chdb.open(join(folder, 'data'), [`--config-file=${configFile}`]);
const staging = await StagingArea.open(join(folder, 'staging'));
const server = new EngineServer({
  runner: new ClusterRunner(chdb, staging),
  credentials: { user: 'default', password: 'of the cluster' },
  engineVersion: '26.7',
  onHeld: () => undefined,
  onUnheld: () => undefined,
});
console.log(await server.listen(0));
process.stdin.resume().on('end', async () => {
  await server[Symbol.asyncDispose]();
  await staging[Symbol.asyncDispose]();
  chdb.close();
});
