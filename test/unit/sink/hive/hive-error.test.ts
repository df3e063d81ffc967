import { expect, test } from 'vitest';
import { HiveConnectionError, hiveError } from '../../../../src/sink/hive/hive-error.ts';

/** As the driver throws it for a statement that does not compile: no Error. */
const status = (message: string) => ({ name: 'Status Error', message, code: 40000 });

test.each([
  {
    name: 'a session the server has forgotten',
    error: status('Invalid SessionHandle: SessionHandle [5a2b]'),
    code: 'CDC_SINK_UNREACHABLE',
  },
  {
    name: 'a dead connection',
    error: new HiveConnectionError('closed'),
    code: 'CDC_SINK_UNREACHABLE',
  },
  {
    name: 'a refused port',
    error: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    code: 'CDC_SINK_UNREACHABLE',
  },
  {
    name: 'a missing right on a folder',
    error: status(
      'MetaException(message:Got exception: AccessControlException Permission denied: user=cdc',
    ),
    code: 'CDC_SINK_ACCESS_DENIED',
  },
  {
    name: 'a wrong password',
    error: new Error('Authentication error: Error validating the login'),
    code: 'CDC_SINK_ACCESS_DENIED',
  },
  {
    name: 'a full disk',
    error: new Error('Execution Error, return code 2: No space left on device'),
    code: 'CDC_SINK_FULL',
  },
  {
    name: 'a name node in safe mode',
    error: status('Cannot create directory /tmp. Name node is in safe mode.'),
    code: 'CDC_SINK_READ_ONLY',
  },
  { name: 'a lock', error: status('LockException: could not be acquired'), code: 'CDC_SINK_BUSY' },
  {
    name: 'anything else',
    error: status('FAILED: ParseException line 1:5 cannot recognize input'),
    code: 'CDC_SINK_FAILED',
  },
])('Hive says $code for $name', ({ error, code }) => {
  expect(hiveError('Running a statement', error)).toMatchObject({ code, cause: error });
});
