/** Topics of a log beside those of its tables. All have one partition. */
export interface LogTopicNames {
  /** Commit records: the log itself. */
  readonly commits: string;
  /** DDL, as Debezium's schema change topic. */
  readonly schema: string;
  /** Begin and end of transactions, where asked for. */
  readonly transaction: string;
}

export function logTopicNames(prefix: string): LogTopicNames {
  return { commits: `${prefix}._commits`, schema: prefix, transaction: `${prefix}.transaction` };
}
