/**
 * The public programmatic API: what the commands of `cdc` call, and the contracts to implement a
 * source, a change log or a ods of one's own.
 *
 * @public
 */
export type { Catalog } from './catalog/catalog.ts';
export type { ChangeBatch, Section } from './change/change-batch.ts';
export type { Position, Version } from './change/position.ts';
export type { TableId } from './change/table-id.ts';
export type { Column, ColumnType, TableSchema } from './change/table-schema.ts';
export { loadProject, type ProjectReading, readProject } from './config/load-project.ts';
export type { ProjectConfig } from './config/project-config.ts';
export { CdcError, type ErrorCode, errorRegistry, exitCodeOf, type Problem } from './errors.ts';
export type { SqlEngine } from './layers/sql-engine.ts';
export type { Ods, TableLoad } from './load/ods.ts';
export type { ChangeLog, LogEntry } from './log/change-log.ts';
export { createLogger, createSilentLogger, type Logger } from './ops/logger.ts';
export { type CheckReport, checkProject } from './pipeline/check.ts';
export { type InitProgress, type InitReport, initProject } from './pipeline/init.ts';
export { applyLayers, planLayers } from './pipeline/plan.ts';
export { openQuery, type WarehouseQuery } from './pipeline/query.ts';
export { type RunReport, runProject } from './pipeline/run.ts';
export { readStatus, type StatusReport } from './pipeline/status.ts';
export { type VerifyReport, verifyProject } from './pipeline/verify.ts';
export type { Source } from './source/source.ts';
export { type CreatedProject, createProject } from './template/new-project.ts';
