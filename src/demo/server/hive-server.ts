import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../lib/secret.ts';
import { HiveConnection } from '../../sink/hive/hive-connection.ts';
import { installHive } from './hive-program.ts';
import type { JavaProgram } from './java-program.ts';
import { openPrivateServer, PrivateServer } from './private-server.ts';

export interface LocalHiveOptions {
  /** `nosasl` (default), or `plain`: any user with any password. */
  readonly auth?: 'nosasl' | 'plain';
  /** Time zone of the server, e.g. Asia/Shanghai; its writers and readers of files know it. */
  readonly timeZone?: string;
  /** Settings beside, or instead of, those every server gets. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly report?: (line: string) => void;
}

/** A private HiveServer2 with its metastore (Derby) and Hadoop's local job runner in one process, on a local folder. */
export class LocalHive extends PrivateServer {
  protected override readonly startLimitMs = 240_000;
  protected override readonly pollMs = 200;
  readonly #program: JavaProgram;
  readonly #options: LocalHiveOptions;

  private constructor(program: JavaProgram, folder: string, options: LocalHiveOptions) {
    super(folder);
    this.#program = program;
    this.#options = options;
  }

  /** Installs Hive when needed, and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalHiveOptions = {}): Promise<LocalHive> {
    const program = await installHive(options.report ?? (() => {}));
    const make = (folder: string) => new LocalHive(program, folder, options);
    return openPrivateServer('hive', make, (server) => server.startOnFreePorts());
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The port is open before the server can serve: it is ready when a session opens. */
  protected override async isReady(): Promise<boolean> {
    try {
      const connection = await HiveConnection.open({
        host: '127.0.0.1',
        port: this.port,
        auth: this.#options.auth ?? 'nosasl',
        user: 'strata',
        password: new Secret('strata'),
        timeoutMs: 10_000,
      });
      await connection.close();
      return true;
    } catch {
      return false; // not yet; `start` gives up when the process ends or the time is over
    }
  }

  protected override command(): readonly string[] {
    const { java, classPath } = this.#program;
    const opens = openedPackages.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]);
    return [
      ...([java, '-Xmx768m', '-XX:+UseSerialGC', ...opens] as const),
      `-Duser.timezone=${this.#options.timeZone ?? 'UTC'}`,
      `-Dderby.system.home=${this.folder}`,
      `-Djava.io.tmpdir=${join(this.folder, 'tmp')}`,
      `-Dlog4j2.configurationFile=${join(this.folder, 'conf', 'log4j2.properties')}`,
      ...['-cp', `${join(this.folder, 'conf')}:${classPath}`],
      'org.apache.hive.service.server.HiveServer2',
    ];
  }

  protected override async configure(): Promise<void> {
    const conf = join(this.folder, 'conf');
    await mkdir(conf, { recursive: true });
    await mkdir(join(this.folder, 'tmp'), { recursive: true });
    const properties = Object.entries({ ...this.#settings(), ...this.#options.settings }).map(
      ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>\n`,
    );
    const site = `<configuration>\n${properties.join('')}</configuration>\n`;
    await writeFile(join(conf, 'hive-site.xml'), site, { mode: 0o600 });
    await writeFile(join(conf, 'log4j2.properties'), logProperties);
  }

  #settings(): Record<string, string> {
    const at = (name: string) => join(this.folder, name);
    return {
      'fs.defaultFS': 'file:///',
      'hadoop.tmp.dir': at('tmp/hadoop'),
      'javax.jdo.option.ConnectionURL': `jdbc:derby:;databaseName=${at('metastore')};create=true`,
      'javax.jdo.option.ConnectionDriverName': 'org.apache.derby.jdbc.EmbeddedDriver',
      'datanucleus.schema.autoCreateAll': 'true',
      'hive.metastore.schema.verification': 'false',
      'hive.metastore.warehouse.dir': `file://${at('warehouse')}`,
      'hive.metastore.warehouse.external.dir': `file://${at('external')}`,
      'hive.metastore.event.db.notification.api.auth': 'false',
      'hive.exec.scratchdir': `file://${at('tmp/scratch')}`,
      'hive.exec.local.scratchdir': at('tmp/local'),
      'hive.downloaded.resources.dir': at('tmp/resources'),
      'hive.server2.authentication': this.#options.auth === 'plain' ? 'NONE' : 'NOSASL',
      'hive.server2.enable.doAs': 'false',
      'hive.server2.transport.mode': 'binary',
      'hive.server2.thrift.bind.host': '127.0.0.1',
      'hive.server2.thrift.port': String(this.port),
      'hive.server2.webui.port': '0',
      'hive.server2.logging.operation.enabled': 'false',
      'hive.server2.thrift.min.worker.threads': '2',
      // One hangs.
      'hive.server2.async.exec.threads': '4',
      // A broken start ends instead of staying alive.
      'hive.server2.max.start.attempts': '1',
      'hive.server2.materializedviews.registry.impl': 'DUMMY',
      'hive.async.log.enabled': 'false',
      'hive.support.concurrency': 'false',
      'hive.execution.engine': 'mr',
      'mapreduce.framework.name': 'local',
      // More than one gives wrong rows.
      'mapreduce.local.map.tasks.maximum': '1',
      'mapreduce.task.io.sort.mb': '8',
      'hive.exec.reducers.max': '1',
      // Derby gets no tables for them.
      'hive.stats.autogather': 'false',
      'hive.stats.column.autogather': 'false',
      'hive.exec.submit.local.task.via.child': 'false',
      // Without these every job takes 1.5 s more.
      'hive.exec.counters.pull.interval': '50',
      'mapreduce.client.completion.pollinterval': '50',
      'mapreduce.client.progressmonitor.pollinterval': '50',
    };
  }
}

const openedPackages = [
  ...['lang', 'lang.invoke', 'lang.reflect', 'io', 'net', 'nio', 'text', 'time', 'util'].map(
    (name) => `java.base/java.${name}`,
  ),
  ...['util.concurrent', 'util.concurrent.atomic', 'util.regex'].map(
    (name) => `java.base/java.${name}`,
  ),
  ...['jdk.internal.ref', 'sun.nio.ch', 'sun.nio.cs', 'sun.security.action'].map(
    (name) => `java.base/${name}`,
  ),
  'java.base/sun.util.calendar',
  'java.sql/java.sql',
];

const logProperties = `status=error
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1.}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=c
`;
