import { describe, expect, test } from 'vitest';
import { kafkaSinkOptions } from '../../../../src/sink/kafka/options.ts';
import { SinkTopics } from '../../../../src/sink/kafka/sink-topics.ts';

function topics(more: object = {}): SinkTopics {
  const options = { type: 'kafka', name: 'changes', tables: ['*.*'], brokers: ['k:9092'], ...more };
  return new SinkTopics(kafkaSinkOptions.parse(options), 'school');
}

function table(target: string, settings = {}) {
  return { source: 'ads.sales', target, columns: [], key: ['id'], settings };
}

describe('topics of a sink', () => {
  test('are named after project, sink and table', () => {
    expect(topics().topicOf(table('ads.sales'))).toBe('school.changes.ads.sales');
    expect(topics({ prefix: 'reports' }).topicOf(table('sales'))).toBe('reports.sales');
    expect(topics().progress).toBe('school.changes._progress');
  });

  test.each([
    { name: 'with characters that brokers refuse', target: 'ads.销售' },
    { name: 'of the progress', target: '_progress' },
    { name: 'that is too long', target: 'x'.repeat(250) },
  ])('have no name $name', ({ target }) => {
    const error = { code: 'CDC_SINK_INCOMPATIBLE', details: { table: 'ads.sales' } };
    expect(() => topics().topicOf(table(target))).toThrow(expect.objectContaining(error));
  });

  test('keep deletes as long as messages when they are compacted', () => {
    const compacted = topics({ retentionHours: 2 }).newTopic(table('a', { partitions: 9 }));
    expect(compacted).toMatchObject({
      partitions: 9,
      settings: { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '7200000' },
    });
    const forEver = topics({ compaction: false, retentionHours: -1 }).newTopic(table('a'));
    expect(forEver.settings).toEqual({ 'cleanup.policy': 'delete', 'retention.ms': '-1' });
    expect(topics({ retentionHours: -1 }).newTopic(table('a')).settings).toEqual({
      'cleanup.policy': 'compact',
    });
  });
});
