import { createHash } from 'node:crypto';
import { CdcError, type Problem } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import type { Audit } from '../audit/audit.ts';
import type { MaintainedNode, Omission } from '../node/maintained-node.ts';
import { isUnsupported, readSelect, type SelectText } from '../text/select-text.ts';
import { canonicalSql, type ParsedSql } from '../text/sql-parser.ts';
import { unrepeatableFunctions } from '../text/unrepeatable.ts';
import { OpenOrderError } from './flat-compiler.ts';
import { layerNames, type ModelFile, problemAt } from './model-file.ts';
import type { GraphModel } from './model-graph.ts';
import { isProblems, type ModelJudge } from './model-judge.ts';
import { bareSets } from './model-sql.ts';
import type { OdsCatalog } from './ods-catalog.ts';
import { hiddenPrefix, type Relation, type TypedColumn } from './relation.ts';
import { SelectCompiler } from './select-compiler.ts';
import { settingPairs } from './table-settings.ts';

/** Where a model comes from, and what of it is stored where. */
interface ModelOrigin {
  /** Tables and models it reads. */
  readonly reads: readonly string[];
  /** Equal for models that give the same table: text without comments and spelling, and everything it reads. */
  readonly fingerprint: string;
  /** `dwd.x@12`: the name of its tables, see `nodeTables`. */
  readonly storage: string;
}

type Subject = GraphModel & ModelOrigin;

/** A model that the engine has accepted, with the way it is kept right. */
export interface CompiledModel extends ModelOrigin {
  readonly model: ModelFile;
  readonly way: 'keys' | 'rebuild';
  /** In plain words, for `layers plan`. */
  readonly why: string;
  /** Columns that identify a row: as declared, or as found. Empty when unknown. */
  readonly key: readonly string[];
  /** In order of dependency, the model's own last. */
  readonly nodes: readonly MaintainedNode[];
  readonly relation: Relation;
  /** What its rows must be, as the header says. */
  readonly audits: readonly Audit[];
}

export interface CompilerOptions {
  /** Columns of a SELECT in the engine's words; throws CDC_ENGINE_REJECTED. */
  readonly describe: (sql: string) => Promise<TypedColumn[]>;
  readonly judge: ModelJudge;
  readonly isAggregate: (functionName: string) => boolean;
  readonly ods: OdsCatalog;
  /** Names of all models, also of those not compiled yet; for "did you mean". */
  readonly modelNames: readonly string[];
  /** The name of a model's tables: those it has, or those that are to be made for this fingerprint. */
  readonly storageOf: (model: string, fingerprint: string) => string;
  readonly omit?: Omission;
}

/** Turns model files into maintained tables, from the bottom of the graph upwards. */
export class ModelCompiler {
  readonly #options: CompilerOptions;
  readonly #compiled = new Map<string, CompiledModel>();

  constructor(options: CompilerOptions) {
    this.#options = options;
  }

  /** The models it reads must have been compiled before. */
  async compile(graph: GraphModel): Promise<CompiledModel | Problem[]> {
    const { model, parsed } = graph;
    const problems = [
      ...unrepeatableFunctions(parsed, model),
      ...this.#unknownTables(graph),
      ...bareSets(parsed).map(({ start, end }) => {
        const table = parsed.sql.slice(start, end);
        const message = `IN ${table} names a table without a SELECT. Write IN (SELECT ... FROM ${table}).`;
        return problemAt(model.file, parsed.sql, start, message);
      }),
    ];
    if (problems.length > 0) return problems;
    const lookup = (name: string) => this.#relation(name);
    const select = readSelect(parsed);
    const twice = isUnsupported(select) ? [] : outputsOfOneName(model, select);
    if (twice.length > 0) return twice;
    const outputs = await this.#options.judge(graph, lookup);
    if (isProblems(outputs)) return outputs;
    try {
      const columns = isUnsupported(select) ? outputs : renamePlainColumns(select, outputs);
      const wrong = this.#wrongOutputs(model, columns);
      if (wrong.length > 0) return wrong;
      const subject = { ...graph, ...this.#origin(graph, columns) };
      const compiled = await this.#wayOf(subject, columns);
      this.#compiled.set(model.name, compiled);
      return compiled;
    } catch (error) {
      if (error instanceof OpenOrderError) return openOrderProblems(model, error);
      if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
      return [problemAt(model.file, model.sql, 0, error.message)];
    }
  }

  #relation(name: string): Relation | undefined {
    return this.#compiled.get(name)?.relation ?? this.#options.ods.relation(name);
  }

  /** Takes the text apart into nodes; what is not understood is recomputed whole. */
  async #wayOf(subject: Subject, outputs: readonly TypedColumn[]): Promise<CompiledModel> {
    const { model, storage, parsed, reads, fingerprint } = subject;
    const { describe, isAggregate, omit } = this.#options;
    const declared = model.header.key;
    const compiler = new SelectCompiler({
      name: model.name,
      storage,
      key: declared ?? [],
      describe,
      isAggregate,
      lookup: (name) => this.#relation(name),
      ...(omit ? { omit } : {}),
    });
    const own = await compiler.compile(parsed.sql, outputs);
    const relation = declared === undefined ? own : { ...own, unique: declared };
    const visible = own.key.filter(({ name }) => !name.startsWith(hiddenPrefix));
    const key = declared ?? visible.map(({ name }) => name);
    const { nodes, way, why } = compiler;
    return { reads, fingerprint, storage, model, way, why, key, nodes, relation, audits: [] };
  }

  #origin({ parsed, references, model }: GraphModel, columns: readonly TypedColumn[]): ModelOrigin {
    const known = references.filter(({ name }) => this.#relation(name) !== undefined);
    const reads = [...new Set(known.map(({ name }) => name))].sort();
    const sources = reads.map((name) => [name, this.#sourceFingerprint(name, parsed)]);
    const { key = [], settings } = model.header;
    const asked = settingPairs(settings);
    const parts = [tableFormat, canonicalSql(parsed), key, columns, sources];
    if (asked.length > 0) parts.push(asked);
    const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
    const fingerprint = hash.slice(0, 32);
    return { reads, fingerprint, storage: this.#options.storageOf(model.name, fingerprint) };
  }

  /** Of a table only the key and the columns count that the model can mean. */
  #sourceFingerprint(name: string, parsed: ParsedSql): unknown {
    const upstream = this.#compiled.get(name);
    if (upstream !== undefined) return upstream.fingerprint;
    const { columns, key } = this.#known(name);
    const names = new Set(parsed.tokens.map((token) => token.text));
    const keyNames = key.map((column) => column.name).sort();
    const isAll = hasStar(parsed);
    return [keyNames, columns.filter((column) => isAll || names.has(column.name))];
  }

  #known(name: string): Relation {
    const relation = this.#relation(name);
    if (relation === undefined) throw new CdcError('CDC_INTERNAL', `${name} was not looked up.`);
    return relation;
  }

  #unknownTables({ model, references }: GraphModel): Problem[] {
    return references.flatMap(({ name, start, isCertain }) => {
      if (!isCertain || this.#relation(name) !== undefined) return [];
      const isLayer = layerNames.some((layer) => name.startsWith(`${layer}.`));
      const others = this.#options.modelNames.filter((other) => other !== model.name);
      const candidates = [...others, ...this.#options.ods.names()];
      const near = nearestName(name, candidates);
      const what = isLayer ? 'model' : 'captured table';
      const hint = near ? ` Did you mean ${near}?` : ' `cdc status` lists the tables.';
      return [problemAt(model.file, model.sql, start, `There is no ${what} ${name}.${hint}`)];
    });
  }

  #wrongOutputs(model: ModelFile, columns: readonly TypedColumn[]): Problem[] {
    const names = columns.map(({ name }) => name);
    const at = (offset: number, message: string) =>
      problemAt(model.file, model.sql, offset, message);
    const problems: Problem[] = [];
    for (const [index, { name, type }] of columns.entries()) {
      if (names.indexOf(name) !== index) {
        problems.push(
          at(0, `Two output columns are called ${name}. Give one another name with AS.`),
        );
      }
      if (/^_(k_|key_|version$|deleted$|build$|sign$|matched$)/.test(name)) {
        problems.push(at(0, `The output name ${name} is reserved. Choose another with AS.`));
      }
      if (type.includes('AggregateFunction(')) {
        const remedy = 'Leave out -State, so that the value itself is stored.';
        problems.push(at(0, `The output ${name} is the state of an aggregate. ${remedy}`));
      }
      if (type.includes('Nothing')) {
        const remedy = 'Write CAST(NULL AS Nullable(String)), or the type you mean.';
        problems.push(at(0, `The output ${name} is NULL without a type. ${remedy}`));
      }
    }
    for (const column of model.header.key ?? []) {
      if (names.includes(column)) continue;
      const near = nearestName(column, names);
      const hint = near ? ` Did you mean ${near}?` : '';
      const message = `The declared key column ${column} is not among the outputs.${hint}`;
      problems.push(at(model.header.keyOffset ?? 0, message));
    }
    return problems;
  }
}

/** At the place in the user's text, where what was looked at stands letter for letter. */
function openOrderProblems(model: ModelFile, { orders }: OpenOrderError): Problem[] {
  return orders.map(({ text, message }) => {
    return problemAt(model.file, model.sql, Math.max(0, model.sql.indexOf(text)), message);
  });
}

/** The engine's own message for this names neither the mistake nor the place. */
function outputsOfOneName(model: ModelFile, { items, parsed }: SelectText): Problem[] {
  const names = items.map(({ alias, expression: { start, end } }) => {
    return alias ?? parsed.columns.find((use) => use.start === start && use.end === end)?.name;
  });
  return items.flatMap(({ alias, start }, index) => {
    if (alias === undefined || !names.some((name, other) => name === alias && other < index))
      return [];
    const message = `Two output columns are called ${alias}. Give one another name.`;
    return [problemAt(model.file, model.sql, start, message)];
  });
}

/** A star anywhere, also in a subquery, means columns that the text does not name. */
function hasStar({ tokens }: ParsedSql): boolean {
  return tokens.some(({ word }, index) => {
    const before = tokens[index - 1]?.word ?? '';
    return (
      word === 'COLUMNS' || (word === '*' && ['SELECT', 'DISTINCT', ',', '.'].includes(before))
    );
  });
}

/** Grows when tables of another form are stored, so that all models are built anew. */
const tableFormat = 4;

/** The engine calls `s.name` of a join `s.name`; people expect `name` where that is not taken. */
function renamePlainColumns(select: SelectText, outputs: readonly TypedColumn[]): TypedColumn[] {
  if (select.items.length !== outputs.length) return [...outputs];
  const wanted = select.items.map((item, index) => {
    const { start, end } = item.expression;
    const plain = select.parsed.columns.find((use) => use.start === start && use.end === end);
    return item.alias ?? plain?.name ?? outputs[index]?.name ?? '';
  });
  return outputs.map((output, index) => {
    const name = wanted[index] ?? output.name;
    const isUnique = wanted.filter((other) => other === name).length === 1;
    return isUnique ? { ...output, name } : output;
  });
}
