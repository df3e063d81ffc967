import { describe, expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import {
  parseLoadResult,
  reasonsOf,
  secondPhaseRefusal,
} from '../../../../src/sink/doris/load-result.ts';

const about = { doing: 'Writing shop.orders', table: 'shop.orders' };
const answer = (body: unknown, status = 200) => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  origin: 'http://be1:8040',
});

describe('the answer to a load', () => {
  test('is a result whatever else it says', () => {
    const result = parseLoadResult(
      answer({ Status: 'Publish Timeout', TxnId: 7, LoadBytes: 1, ErrorURL: null }),
      about,
    );
    expect(result).toMatchObject({ Status: 'Publish Timeout', TxnId: 7, NumberLoadedRows: 0 });
  });

  test.each([
    { body: { msg: 'Unauthorized', code: 401, data: 'need auth' }, code: 'CDC_SINK_ACCESS_DENIED' },
    { body: { status: 'FAILED', msg: 'No backend load available' }, code: 'CDC_SINK_BUSY' },
    {
      body: { Status: 'FAILED', Message: 'class DdlException: no privilege' },
      code: 'CDC_SINK_ACCESS_DENIED',
    },
    { body: { status: 'FAILED', msg: 'There is no 100-continue header' }, code: 'CDC_SINK_FAILED' },
    { body: '<html>502</html>', status: 502, code: 'CDC_SINK_UNREACHABLE' },
    { body: '', status: 403, code: 'CDC_SINK_ACCESS_DENIED' },
    { body: [], code: 'CDC_SINK_UNREACHABLE' },
  ])('that is none is $code ($body)', ({ body, status, code }) => {
    expect(() => parseLoadResult(answer(body, status), about)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('to a second phase says why it was refused', () => {
    expect(secondPhaseRefusal(answer({ status: 'Success', msg: 'done' }), about)).toBeUndefined();
    const refused = { status: 'ANALYSIS_ERROR', msg: 'TStatus: transaction [7] not found' };
    expect(secondPhaseRefusal(answer(refused), about)).toBe('TStatus: transaction [7] not found');
    expect(() => secondPhaseRefusal(answer('nothing'), about)).toThrow(CdcError);
  });
});

describe('the reasons in an error log', () => {
  test('have no values in them, and each only once', () => {
    const log = [
      'Reason: column_name[name], the length of input is too long than schema. first 32 bytes of input str: [secret',
      'name] schema length: 4; actual length: 11; . src line [7,secret]; ',
      'Reason: column(age) value is incorrect while strict mode is true, src value is 4711. src line [4711]; ',
      'Reason: column(age) value is incorrect while strict mode is true, src value is 4712. src line []; ',
      '',
    ].join('\n');
    expect(reasonsOf(log)).toEqual([
      'column_name[name], the length of input is too long than schema. first 32 bytes of input str: [...] schema length: 4; actual length: 11;',
      'column(age) value is incorrect while strict mode is true, src value is ...',
    ]);
  });

  test('are none where the page is something else', () => {
    expect(reasonsOf('<html>not found</html>')).toEqual([]);
  });
});
