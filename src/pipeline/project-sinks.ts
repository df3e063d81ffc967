import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { DeadRows } from '../sink/dead-rows.ts';
import { openSink } from '../sink/open-sink.ts';
import type { SinkOptions } from '../sink/options.ts';
import type { RowEngine } from '../sink/row-engine.ts';
import type { Sink } from '../sink/sink.ts';
import { WarehouseFeed } from './sink-feed.ts';
import { ownerOf } from './sink-requests.ts';
import { SinkRunner } from './sink-runner.ts';
import type { SinkStatus } from './sink-status.ts';
import type { Cut } from './warehouse.ts';

export interface SinkParts {
  readonly engine: ClickhouseEngine;
  readonly catalog: Catalog;
  readonly log: ChangeLog;
  readonly logger: Logger;
}

/** An opened sink with what is needed to fill it. */
export interface OpenedSink {
  readonly options: SinkOptions;
  readonly sink: Sink;
}

/** All sinks of a project; each goes its own way. */
export class ProjectSinks implements AsyncDisposable {
  readonly #runners: readonly SinkRunner[];
  readonly #opened: readonly OpenedSink[];

  static async open(config: ProjectConfig, parts: SinkParts): Promise<ProjectSinks> {
    const opened: OpenedSink[] = [];
    try {
      for (const options of config.sinks) {
        opened.push({ options, sink: await openProjectSink(config, options, parts) });
      }
      const feed = new WarehouseFeed(parts);
      const copying = await copyingParts(parts);
      const { catalog, logger } = parts;
      const runners = opened.map(({ options, sink }) => {
        const own = logger.child({ component: 'sink' });
        return new SinkRunner({ options, sink, feed, catalog, copying, logger: own });
      });
      return new ProjectSinks(runners, opened);
    } catch (error) {
      for (const { sink } of opened) await sink[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(runners: readonly SinkRunner[], opened: readonly OpenedSink[]) {
    this.#runners = runners;
    this.#opened = opened;
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.run(signal)));
  }

  /** Resolves when every sink has all of this cut. Throws why one cannot get there without somebody acting. */
  async reach(cut: Cut, signal: AbortSignal): Promise<void> {
    for (const runner of this.#runners) runner.hurry();
    for (const runner of this.#runners) {
      while (!runner.hasReached(cut)) {
        if (signal.aborted) return;
        if (runner.refusal !== undefined) throw runner.refusal;
        await delay(20, undefined, { signal }).catch(() => undefined);
      }
      if (runner.tableRefusal !== undefined) throw runner.tableRefusal;
    }
  }

  status(): SinkStatus[] {
    return this.#runners.map((runner) => runner.status());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sink } of this.#opened) await sink[Symbol.asyncDispose]();
  }
}

/** Opens the store of one sink. */
export function openProjectSink(
  { name, stateFolder }: ProjectConfig,
  options: SinkOptions,
  { engine, logger }: { readonly engine: RowEngine; readonly logger: Logger },
): Promise<Sink> {
  return openSink(options, { engine, logger, project: name, stateFolder });
}

/** What every copier of a project has in common. */
export async function copyingParts({ engine, catalog, logger }: Omit<SinkParts, 'log'>) {
  const owner = await ownerOf(catalog);
  return { engine, owner, deadRows: new DeadRows(engine), logger };
}

/** The options of a sink by its name. Throws CDC_USAGE. */
export function findSink({ sinks }: ProjectConfig, name: string): SinkOptions {
  const found = sinks.find((sink) => sink.name === name);
  if (found !== undefined) return found;
  const names = sinks.map((sink) => sink.name).join(', ');
  throw new CdcError('CDC_USAGE', `the project file has no sink ${name}`, {
    remedy: names === '' ? 'Add one under `sinks:`; docs/sinks.md shows how.' : `It has: ${names}.`,
  });
}
