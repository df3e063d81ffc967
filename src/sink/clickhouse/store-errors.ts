import { CdcError } from '../../errors.ts';
import { incompatibleTable, rejectedRows, sinkError } from '../sink-errors.ts';

interface Failure {
  /** `Writing shop.orders`. */
  readonly doing: string;
  /** `SinkTable.source`. */
  readonly table?: string | undefined;
  /** Rows were on their way. */
  readonly isWrite?: boolean;
}

type Meaning = 'busy' | 'unreachable' | 'full' | 'readOnly' | 'denied' | 'rejected';

/**
 * What ClickHouse's error numbers ask for; any other one is about the table, or about the statement where there is none.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const meanings: ReadonlyMap<unknown, Meaning> = new Map<number, Meaning>([
  [159, 'busy'], // TIMEOUT_EXCEEDED
  [202, 'busy'], // TOO_MANY_SIMULTANEOUS_QUERIES
  [241, 'busy'], // MEMORY_LIMIT_EXCEEDED
  [252, 'busy'], // TOO_MANY_PARTS
  [242, 'busy'], // TABLE_IS_READ_ONLY: the replica has lost Keeper
  [285, 'busy'], // TOO_FEW_LIVE_REPLICAS
  [319, 'busy'], // UNKNOWN_STATUS_OF_INSERT
  [394, 'busy'], // QUERY_WAS_CANCELLED
  [517, 'busy'], // CANNOT_ASSIGN_ALTER
  [209, 'unreachable'], // SOCKET_TIMEOUT
  [210, 'unreachable'], // NETWORK_ERROR
  [225, 'unreachable'], // NO_ZOOKEEPER
  [236, 'unreachable'], // ABORTED: the server is shutting down
  [279, 'unreachable'], // ALL_CONNECTION_TRIES_FAILED: a shard
  [999, 'unreachable'], // KEEPER_EXCEPTION
  [243, 'full'], // NOT_ENOUGH_SPACE
  [164, 'readOnly'], // READONLY
  [192, 'denied'], // UNKNOWN_USER
  [193, 'denied'], // WRONG_PASSWORD
  [194, 'denied'], // REQUIRED_PASSWORD
  [497, 'denied'], // ACCESS_DENIED
  [516, 'denied'], // AUTHENTICATION_FAILED
  [131, 'rejected'], // TOO_LARGE_STRING_SIZE
  [469, 'rejected'], // VIOLATED_CONSTRAINT
]);

/** An error of the engine's client as one of the sink: what the store asks for decides. */
export function storeErrorOf(error: unknown, failure: Failure): unknown {
  const { doing, table, isWrite = false } = failure;
  const options = { cause: error, ...(table !== undefined && { table }) };
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const why = 'the statement took longer than timeoutSeconds and was broken off.';
    return sinkError('CDC_SINK_UNREACHABLE', doing, why, options);
  }
  if (!(error instanceof CdcError) || !error.code.startsWith('CDC_ENGINE_')) return error;
  const why = error.message;
  const general = { cause: error };
  // A disk without room is told as what the operating system said.
  const meaning = /No space left on device/.test(why)
    ? 'full'
    : meanings.get(error.details['engineCode']);
  switch (meaning) {
    case 'busy':
      return sinkError('CDC_SINK_BUSY', doing, why, options);
    case 'unreachable':
      return sinkError('CDC_SINK_UNREACHABLE', doing, why, options);
    case 'full':
      return sinkError('CDC_SINK_FULL', doing, why, general);
    case 'readOnly':
      return sinkError('CDC_SINK_READ_ONLY', doing, why, general);
    case 'denied':
      return sinkError('CDC_SINK_ACCESS_DENIED', doing, why, general);
    case 'rejected':
      // Values of rows are nobody’s to read in a log.
      if (isWrite && table !== undefined) {
        return rejectedRows(table, why.replace(/ Column values: .*/s, ''), error);
      }
      break;
    case undefined:
      break;
  }
  if (error.kind === 'transient') return sinkError('CDC_SINK_UNREACHABLE', doing, why, options);
  if (table !== undefined) return incompatibleTable(table, why, { cause: error });
  return sinkError('CDC_SINK_FAILED', doing, why, general);
}

/** The table, or its database, is not there. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof CdcError)) return false;
  return [60, 81].includes(Number(error.details['engineCode']));
}
