import { createHash } from 'node:crypto';
import { quoteIdentifier } from '../engine/sql-quote.ts';
import { CdcError, type Problem } from '../errors.ts';
import { nearestName } from '../lib/nearest-name.ts';
import type { Audit } from './audit.ts';
import { BoundSelect } from './binding.ts';
import { describeGroups, type GroupDraft, GroupNode } from './group-node.ts';
import { nodeTables, stageName } from './layer-names.ts';
import type { MaintainedNode, Omission } from './maintained-node.ts';
import { layerNames, type ModelFile, problemAt } from './model-file.ts';
import type { GraphModel } from './model-graph.ts';
import { isProblems, type ModelJudge } from './model-judge.ts';
import { unrepeatableFunctions } from './model-sql.ts';
import type { OdsCatalog } from './ods-catalog.ts';
import { hiddenPrefix, type Relation, type TypedColumn } from './relation.ts';
import { describeRows, type RowDraft, RowNode } from './row-node.ts';
import { isUnsupported, readSelect, type SelectText } from './select-text.ts';
import { canonicalSql, type ParsedSql } from './sql-parser.ts';
import type { Edit } from './sql-text.ts';

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
  /** In order of dependency, the model's own last; none when it is rebuilt. */
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
    const problems = [...unrepeatableFunctions(parsed, model), ...this.#unknownTables(graph)];
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
      const compiled = await this.#wayOf(subject, select, columns);
      this.#compiled.set(model.name, compiled);
      return compiled;
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
      return [problemAt(model.file, model.sql, 0, error.message)];
    }
  }

  #relation(name: string): Relation | undefined {
    return this.#compiled.get(name)?.relation ?? this.#options.ods.relation(name);
  }

  async #wayOf(
    subject: Subject,
    select: ReturnType<typeof readSelect>,
    columns: readonly TypedColumn[],
  ): Promise<CompiledModel> {
    if (isUnsupported(select)) return this.#rebuilt(subject, columns, select.reason);
    const reason = this.#rebuildReason(select);
    if (reason !== undefined) return this.#rebuilt(subject, columns, reason);
    try {
      return await this.#maintained(subject, select, columns);
    } catch (error) {
      // The user's own text is valid, so what was refused is our rewriting of it.
      if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
      return this.#rebuilt(subject, columns, `it cannot be limited to keys (${error.message})`);
    }
  }

  #rebuildReason(select: SelectText): string | undefined {
    for (const { name } of select.relations) {
      const relation = this.#relation(name);
      if (!relation?.isKeyed) return `it reads ${name}, which is rebuilt as a whole`;
      if (relation.key.length === 0) return `it reads ${name}, which has no key`;
    }
    const { tokens } = select.parsed;
    const aggregates = tokens.some(
      ({ text, isQuoted }, index) =>
        !isQuoted && tokens[index + 1]?.word === '(' && this.#options.isAggregate(text),
    );
    if (select.groupBy.length > 0) return undefined;
    if (aggregates || select.having) return 'it aggregates everything into one row (no GROUP BY)';
    return undefined;
  }

  async #maintained(
    subject: Subject,
    select: SelectText,
    outputs: readonly TypedColumn[],
  ): Promise<CompiledModel> {
    const { name } = subject.model;
    const bound = new BoundSelect(select, (table) => this.#known(table));
    if (select.groupBy.length === 0) {
      const node = await this.#rowNode(subject, { name, draft: { bound }, outputs });
      const others = bound.joined.map(({ alias }) => alias).join(', ');
      const why = `rows of ${bound.driving.relation.name}${others ? `, joined with ${others}` : ''}`;
      return this.#finish(subject, [node], why);
    }
    const { relation } = bound.driving;
    const by = select.groupBy.map((group) => bound.text(group)).join(', ');
    if (bound.joined.length === 0 && relation.kind === 'model') {
      const { alias, columns } = bound.driving;
      const draft = { bound, source: relation, sourceColumns: columns, alias, edits: [] };
      const node = await this.#groupNode(subject, draft, outputs);
      return this.#finish(subject, [node], `groups of ${relation.name} by ${by}`);
    }
    const stage = stageColumns(bound);
    const rowDraft = { bound, items: stage.items };
    const rows = await this.#rowNode(subject, { name: stageName(name), draft: rowDraft });
    const source = rows.relation;
    const draft = { bound, source, sourceColumns: source.columns, edits: stage.edits };
    const groups = await this.#groupNode(subject, draft, outputs);
    const tables = bound.relations.map((each) => each.relation.name).join(', ');
    return this.#finish(subject, [rows, groups], `groups by ${by} over stored rows of ${tables}`);
  }

  async #rowNode(
    subject: Subject,
    node: { name: string; draft: RowDraft; outputs?: readonly TypedColumn[] },
  ): Promise<RowNode> {
    const { name, draft, outputs = [] } = node;
    const columns = await this.#describe(describeRows(draft), outputs);
    return new RowNode(draft, { ...this.#nodeOptions(subject, name), columns });
  }

  async #groupNode(
    subject: Subject,
    draft: GroupDraft,
    outputs: readonly TypedColumn[],
  ): Promise<GroupNode> {
    const columns = await this.#describe(describeGroups(draft), outputs);
    return new GroupNode(draft, { ...this.#nodeOptions(subject, subject.model.name), columns });
  }

  #nodeOptions({ storage, model }: Subject, name: string) {
    const { omit } = this.#options;
    const tables = nodeTables(storage, name.slice(model.name.length));
    return { name, tables, ...(omit ? { omit } : {}) };
  }

  /** Types of the rewritten statement with the model's own names; the hidden columns come after them. */
  async #describe(sql: string, outputs: readonly TypedColumn[]): Promise<TypedColumn[]> {
    const described = await this.#options.describe(sql);
    return described.map(({ name, type }, index) => ({ name: outputs[index]?.name ?? name, type }));
  }

  #finish(subject: Subject, nodes: readonly MaintainedNode[], why: string): CompiledModel {
    const { model } = subject;
    const own = nodes[nodes.length - 1];
    if (own === undefined) throw new CdcError('CDC_INTERNAL', `${model.name} has no node.`);
    const { relation } = own;
    const visible = relation.key.filter(({ name }) => !name.startsWith(hiddenPrefix));
    const key = model.header.key ?? visible.map(({ name }) => name);
    const origin = { ...originOf(subject), audits: [] };
    return { ...origin, model, way: 'keys', why, key, nodes, relation };
  }

  #rebuilt(subject: Subject, columns: readonly TypedColumn[], reason: string): CompiledModel {
    const { model, storage } = subject;
    const relation: Relation = {
      name: model.name,
      kind: 'model',
      physical: nodeTables(storage).rows,
      columns,
      key: [],
      isKeyed: false,
    };
    const key = model.header.key ?? [];
    const origin = { ...originOf(subject), audits: [] };
    return { ...origin, model, way: 'rebuild', why: reason, key, nodes: [], relation };
  }

  #origin({ parsed, references, model }: GraphModel, columns: readonly TypedColumn[]): ModelOrigin {
    const known = references.filter(({ name }) => this.#relation(name) !== undefined);
    const reads = [...new Set(known.map(({ name }) => name))].sort();
    const sources = reads.map((name) => [name, this.#sourceFingerprint(name, parsed)]);
    const parts = [tableFormat, canonicalSql(parsed), model.header.key ?? [], columns, sources];
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
    return [keyNames, columns.filter((column) => names.has(column.name))];
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

function originOf({ reads, fingerprint, storage }: ModelOrigin): ModelOrigin {
  return { reads, fingerprint, storage };
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

/** Grows when tables of another form are stored, so that all models are built anew. */
const tableFormat = 2;

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

/** Columns that the grouping part of a statement needs of its joined rows, and how it then calls them. */
function stageColumns(bound: BoundSelect): { items: string[]; edits: Edit[] } {
  const { itemList, groupBy, having } = bound.select;
  const spans = [itemList, ...groupBy, ...(having ? [having] : [])];
  const names = new Map<string, string>();
  const edits: Edit[] = [];
  for (const use of spans.flatMap((span) => bound.usesIn(span))) {
    const owner = bound.ownerOf(use);
    if (owner === undefined) continue;
    const source = `${quoteIdentifier(owner)}.${quoteIdentifier(use.name)}`;
    const isTaken = [...names].some(([other, name]) => name === use.name && other !== source);
    const name = names.get(source) ?? (isTaken ? `${owner}_${use.name}` : use.name);
    names.set(source, name);
    edits.push({ start: use.start, end: use.end, text: quoteIdentifier(name) });
  }
  const items = [...names].map(([source, name]) => `${source} AS ${quoteIdentifier(name)}`);
  // count() over joined rows needs none of their columns.
  return { items: items.length > 0 ? items : ['1 AS `one`'], edits };
}
