/**
 * Every error a user can meet: its code, who has to act (`kind`), what it means and what to do.
 * `docs/errors.md` is generated from this registry. Codes are never renamed or reused.
 */

/** Who acts. It decides retry, log level and exit code; see `exitCodeOf`. */
export type ErrorKind = 'usage' | 'transient' | 'operator' | 'bug';

interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly meaning: string;
  readonly remedy: string;
}

export const errorRegistry = {
  CDC_USAGE: {
    kind: 'usage',
    meaning: 'The command line was not understood.',
    remedy: 'Run the command with --help.',
  },
  CDC_CONFIG_INVALID: {
    kind: 'usage',
    meaning: 'The project file has problems; all of them are listed with file, line and column.',
    remedy: 'Correct the lines named and run `cdc check`.',
  },
  CDC_PREFLIGHT_FAILED: {
    kind: 'operator',
    meaning: 'The source server or the project is not ready to be captured.',
    remedy: 'Run the statements that `cdc check` prints for each problem, then try again.',
  },
  CDC_PROJECT_NOT_FOUND: {
    kind: 'usage',
    meaning: 'There is no project file here.',
    remedy: 'Change into a project folder, pass --config, or run `cdc template new`.',
  },
  CDC_PROJECT_LOCKED: {
    kind: 'operator',
    meaning: 'Another cdc process works on this project folder.',
    remedy: 'Stop the process named, or use the commands that only read (status, query, verify).',
  },
  CDC_NOT_INITIALIZED: {
    kind: 'operator',
    meaning: 'The project has no snapshot yet.',
    remedy: 'Run `cdc init` first.',
  },
  CDC_SOURCE_UNREACHABLE: {
    kind: 'transient',
    meaning: 'The source server does not answer.',
    remedy: 'Check host, port and network; the connection is retried while cdc runs.',
  },
  CDC_SOURCE_ACCESS_DENIED: {
    kind: 'operator',
    meaning: 'The source server refused the user, the password or a privilege.',
    remedy:
      'Correct source.user and its password. An administrator makes a user with CREATE USER and ' +
      'GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the user.',
  },
  CDC_SOURCE_CONNECTION_LOST: {
    kind: 'transient',
    meaning: 'The connection to the source server broke or went silent.',
    remedy: 'Nothing: cdc reconnects from its last position.',
  },
  CDC_SOURCE_DUPLICATE_SERVER_ID: {
    kind: 'operator',
    meaning: 'Another replica uses the same server id, so the source server cut this stream.',
    remedy: 'Set source.serverId in the project file to a number no other replica uses.',
  },
  CDC_BINLOG_POSITION_LOST: {
    kind: 'operator',
    meaning: 'The source server no longer has the binlog from the position where cdc stopped.',
    remedy: 'Run `cdc init --restart` to take a new snapshot, and keep binlogs longer.',
  },
  CDC_BINLOG_EVENT_UNSUPPORTED: {
    kind: 'operator',
    meaning: 'The binlog holds an event that cannot be turned into rows without guessing.',
    remedy: 'Mend the server setting named, then run `cdc init --restart`.',
  },
  CDC_VALUE_UNREPRESENTABLE: {
    kind: 'operator',
    meaning: 'A value of the source does not fit its column type in the warehouse.',
    remedy:
      'Choose the text form for that type in the project file (types), then `cdc init --tables <table>`.',
  },
  CDC_TYPE_UNSUPPORTED: {
    kind: 'operator',
    meaning: 'A column has a type that the capture cannot represent.',
    remedy: 'Exclude the table in the project file, or change the column.',
  },
  CDC_TABLE_NO_PRIMARY_KEY: {
    kind: 'operator',
    meaning: 'A table has neither a primary key nor a unique key without NULLs.',
    remedy: 'Add a primary key, or exclude the table in the project file.',
  },
  CDC_TABLE_NOT_FOUND: {
    kind: 'operator',
    meaning: 'A table named does not exist on the source or is not captured.',
    remedy: 'Check source.tables in the project file and the spelling.',
  },
  CDC_LOG_FULL: {
    kind: 'operator',
    meaning: 'The change log cannot grow: the disk or its limit is full.',
    remedy:
      'Free disk space or raise log.maxBytes; nothing acknowledged is lost. Then run cdc again.',
  },
  CDC_LOG_CORRUPT: {
    kind: 'bug',
    meaning: 'An entry of the change log cannot be read.',
    remedy: 'Keep the state folder and report it; `cdc init --restart` builds everything anew.',
  },
  CDC_LOG_FENCED: {
    kind: 'operator',
    meaning:
      'Another cdc process has begun to write the topics of this project, so this one stopped.',
    remedy: 'Leave one of the two running; two projects need different values of log.prefix.',
  },
  CDC_LOG_ENTRIES_LOST: {
    kind: 'operator',
    meaning:
      'Topics no longer hold changes that were not loaded yet (retention, or records deleted).',
    remedy: 'Run `cdc init --restart` to read every table anew, and keep messages longer.',
  },
  CDC_LOG_TOPIC_LOST: {
    kind: 'operator',
    meaning:
      'A topic of the project was deleted, or deleted and created again, while changes were in it.',
    remedy: 'Run `cdc init --tables <table>` for its tables: the topic is created and filled anew.',
  },
  CDC_LOG_TOPIC_MISMATCH: {
    kind: 'operator',
    meaning:
      'A topic that exists has other settings than the project file says; it is never altered.',
    remedy: 'Change the topic with the command named, or the value in the project file.',
  },
  CDC_LOG_MESSAGE_TOO_LARGE: {
    kind: 'operator',
    meaning: 'A single change is larger than the topic takes.',
    remedy: 'Raise max.message.bytes of the topic named, then run cdc again; nothing is lost.',
  },
  CDC_REPLAY_RANGE_GONE: {
    kind: 'operator',
    meaning: 'The log no longer holds the range to be replayed.',
    remedy:
      'Replay from a later place, or run `cdc init --tables <table>` to read tables anew. To keep more, raise ' +
      'log.retainBytes (embedded) or log.retentionHours (kafka).',
  },
  CDC_KAFKA_UNREACHABLE: {
    kind: 'transient',
    meaning: 'No broker of the Kafka cluster answers.',
    remedy: 'Check the brokers and the network; the connection is retried while cdc runs.',
  },
  CDC_KAFKA_ACCESS_DENIED: {
    kind: 'operator',
    meaning: 'The Kafka cluster refused the log-in, the certificate or an operation.',
    remedy: 'Correct sasl or ssl in the project file, or grant the operation named.',
  },
  CDC_KAFKA_TOPIC_NOT_FOUND: {
    kind: 'operator',
    meaning: 'A topic does not exist.',
    remedy: 'Check the name; `cdc topics` lists what the cluster has.',
  },
  CDC_KAFKA_OFFSET_LOST: {
    kind: 'operator',
    meaning: 'A topic no longer holds the messages from the place where cdc stopped.',
    remedy:
      'Run `cdc init --restart` to begin at the first message there is, and keep messages longer.',
  },
  CDC_KAFKA_REJECTED: {
    kind: 'operator',
    meaning: 'The Kafka cluster refused a request.',
    remedy: 'Read the broker’s error name in the message; it names the cause.',
  },
  CDC_ROUTE_UNMATCHED: {
    kind: 'operator',
    meaning: 'A table or a row matches no route, and the project file says to stop then.',
    remedy: 'Add the route to the table named in route.lookup, or choose another `unmatched`.',
  },
  CDC_ROUTE_INVALID: {
    kind: 'operator',
    meaning: 'A rule under `route` cannot be followed for a table as its columns are now.',
    remedy: 'Correct the rule that `cdc check` names, then run `cdc init --tables <table>`.',
  },
  CDC_MESSAGE_MALFORMED: {
    kind: 'operator',
    meaning: 'A message of a topic is not what its format says.',
    remedy:
      'See `cdc deadletter list`; correct the entry of the topic, then `cdc deadletter replay`.',
  },
  CDC_ENGINE_UNREACHABLE: {
    kind: 'transient',
    meaning: 'The warehouse engine does not answer.',
    remedy: 'The embedded engine is restarted by itself; check warehouse.url for a server.',
  },
  CDC_ENGINE_REJECTED: {
    kind: 'operator',
    meaning: 'The warehouse engine refused a statement.',
    remedy: 'Read the engine’s message; it names the cause.',
  },
  CDC_ENGINE_START_FAILED: {
    kind: 'operator',
    meaning: 'The embedded engine did not start.',
    remedy: 'Read the engine log named in the message; `npm install` brings its binary (chdb).',
  },
  CDC_PORT_IN_USE: {
    kind: 'operator',
    meaning: 'A configured port is taken by another process.',
    remedy: 'Choose another port in the project file, or 0 for a free one.',
  },
  CDC_SCHEMA_INCOMPATIBLE: {
    kind: 'operator',
    meaning: 'A schema change of the source cannot be applied to the warehouse table.',
    remedy: 'Run `cdc init --tables <table>` to load the table anew.',
  },
  CDC_LAYERS_INVALID: {
    kind: 'usage',
    meaning: 'A layer file is not a model that can be built.',
    remedy: 'Correct the file at the line and column named, then run `cdc layers plan`.',
  },
  CDC_LAYERS_NOT_KEPT: {
    kind: 'operator',
    meaning:
      'An earlier version of a model cannot be put back: its tables, or what they need to come to the present, are gone.',
    remedy: 'Take the old file from your version control and run `cdc layers apply --yes`.',
  },
  CDC_LAYERS_MODEL_FAILED: {
    kind: 'operator',
    meaning: 'A model could not be refreshed; it stays at its last good cut.',
    remedy: 'Read the cause, correct the model file or the source column, then `cdc layers apply`.',
  },
  CDC_LAYERS_AUDIT_FAILED: {
    kind: 'operator',
    meaning:
      'Rows of a model break one of its audits; the model and its readers stay at their last good cut.',
    remedy:
      'Correct the rows at the source, or the audit in the file, then run `cdc layers apply --yes`.',
  },
  CDC_LAYERS_LINT: {
    kind: 'usage',
    meaning: 'A model file has something that is allowed and seldom meant; only a warning.',
    remedy: 'Change the line named, or write `-- lint: allow <code>` at the top of the file.',
  },
  CDC_LAYERS_SOURCE_CHANGED: {
    kind: 'operator',
    meaning:
      'A column or table that a model reads was dropped, renamed or given another type at the source; the model and its readers stay at their last good cut.',
    remedy: 'Correct the model file where it names the column, then run `cdc layers apply --yes`.',
  },
  CDC_SINK_UNREACHABLE: {
    kind: 'transient',
    meaning: 'The store of a sink does not answer, or broke the connection.',
    remedy: 'Check its address and network; the sink goes on by itself when the store answers.',
  },
  CDC_SINK_BUSY: {
    kind: 'transient',
    meaning: 'The store of a sink asks to be tried again later.',
    remedy: 'Nothing, unless it goes on; then look at the load of the store.',
  },
  CDC_SINK_STALE: {
    kind: 'transient',
    meaning: 'A sink’s store is at another place than this process had left it at.',
    remedy: 'Nothing; if it goes on, another process fills the same store: stop one of the two.',
  },
  CDC_SINK_FENCED: {
    kind: 'operator',
    meaning:
      'Another cdc process has begun to write into the store of a sink, so this one stopped.',
    remedy: 'Leave one of the two running; two sinks need different values of `prefix`.',
  },
  CDC_SINK_REJECTED: {
    kind: 'operator',
    meaning: 'The store of a sink refused rows.',
    remedy:
      'See `cdc deadletter list --sink <name>`; correct the cause, then `cdc deadletter replay`.',
  },
  CDC_SINK_INCOMPATIBLE: {
    kind: 'operator',
    meaning: 'A table in a sink’s store does not fit the rows that are to go into it.',
    remedy: 'Read the message; `cdc init --sink <name> --tables <table> --restart` fills it anew.',
  },
  CDC_SINK_ACCESS_DENIED: {
    kind: 'operator',
    meaning: 'The store of a sink refused the user, the password or a privilege.',
    remedy: 'Correct the credentials of the sink, or grant the privilege that the message names.',
  },
  CDC_SINK_READ_ONLY: {
    kind: 'operator',
    meaning: 'The store of a sink takes no writes.',
    remedy: 'Point the sink at the server that takes writes, or end its read-only mode.',
  },
  CDC_SINK_FULL: {
    kind: 'operator',
    meaning: 'The store of a sink has no room left.',
    remedy: 'Make room there; the sink goes on by itself after a restart of cdc.',
  },
  CDC_SINK_FOREIGN: {
    kind: 'operator',
    meaning:
      'A table in a sink’s store was filled by another project, or by an earlier life of this one.',
    remedy:
      'Give the sink another database or prefix, or fill it anew: `cdc init --sink <name> --restart`.',
  },
  CDC_SINK_FAILED: {
    kind: 'operator',
    meaning: 'The store of a sink refused a statement.',
    remedy: 'Read the store’s message; it names the cause.',
  },
  CDC_SINK_UNREADABLE: {
    kind: 'usage',
    meaning: 'The store of a sink cannot be asked what it has.',
    remedy:
      'Verify it where its rows end up; `cdc init --sink <name> --restart` sends all of them again.',
  },
  CDC_TEMPLATE_UNKNOWN: {
    kind: 'usage',
    meaning: 'There is no such template, or a parameter is wrong.',
    remedy: 'Run `cdc template list` and `cdc template show <template>`.',
  },
  CDC_DEMO_SERVER_MISSING: {
    kind: 'operator',
    meaning: 'A server that the demo needs could not be found, installed or started here.',
    remedy:
      'Install mariadb-server, or set CDC_DEMO_MYSQL_URL to a server of your own. A Kafka broker ' +
      'needs Java 17 and Maven.',
  },
  CDC_INTERNAL: {
    kind: 'bug',
    meaning: 'Something that must not happen happened.',
    remedy: 'Report it with the stack trace.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;

/** Facts that travel with an error; never row values or secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * The only error class of ours. `message` says what failed and why; the remedy comes from the
 * registry unless `remedy` gives a more exact one (a statement, a command).
 */
export class CdcError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly remedy: string;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: ErrorDetails; remedy?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CdcError';
    this.code = code;
    this.kind = errorRegistry[code].kind;
    this.remedy = options.remedy ?? errorRegistry[code].remedy;
    this.details = options.details ?? {};
  }
}

/** Process exit code for an error: 2 usage, 1 transient (limit spent), 3 operator, 70 bug. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CdcError)) return 70;
  return { usage: 2, transient: 1, operator: 3, bug: 70 }[error.kind];
}

/** One finding of a check: expected, so a value and not an exception. */
export interface Problem {
  readonly code: ErrorCode;
  /** `file:line:column` or a server setting or a table; empty when it is about the whole. */
  readonly where: string;
  readonly message: string;
  /** What to do: a statement or a command where one exists. */
  readonly remedy?: string;
  readonly severity: 'error' | 'warning';
}
