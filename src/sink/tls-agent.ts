import { Agent, type AgentOptions } from 'node:https';
import { readTlsFiles, type SinkTls } from './tls-files.ts';

/** Connections with the certificates of a sink’s `ssl`; `sink` is its name. Throws CDC_CONFIG_INVALID. */
export function tlsAgent(ssl: SinkTls, sink: string, options: AgentOptions = {}): Agent {
  return new Agent({ keepAlive: true, ...options, ...readTlsFiles(ssl, sink) });
}
