import type { Problem } from '../../errors.ts';
import { type ModelFile, problemAt } from '../model/model-file.ts';
import type { ParsedSql } from './sql-parser.ts';

/** Functions that can give another value for the same rows: a model with one has no right answer. */
export function unrepeatableFunctions(parsed: ParsedSql, model: ModelFile): Problem[] {
  const { tokens } = parsed;
  return tokens.flatMap((token, index) => {
    if (token.isQuoted || tokens[index - 1]?.word === '.') return [];
    const isCall = tokens[index + 1]?.word === '(';
    const word = token.text.toLowerCase();
    const isBareTime = /^current_(date|time|timestamp)$/.test(word);
    if (!isCall && !isBareTime) return [];
    const family = families.find(({ names }) => formsOf(word).some((form) => names.test(form)));
    // Of a window function the order is looked at with the window.
    if (family === undefined || (family.isMendedByOrder && isWindow(parsed, index))) return [];
    const isOrdered =
      tokens[index - 1]?.word === '(' && family.isMendedBy?.test(tokens[index - 2]?.text ?? '');
    if (isOrdered) return [];
    const message = `${token.text} ${family.why}. ${family.wayOut}`;
    return [problemAt(model.file, parsed.sql, token.start, message)];
  });
}

interface UnrepeatableFamily {
  readonly names: RegExp;
  readonly why: string;
  readonly wayOut: string;
  /** A function around the call that makes the result the same for the same rows. */
  readonly isMendedBy?: RegExp;
  /** The order of a window makes the result the same. */
  readonly isMendedByOrder?: true;
}

/** `anyIfOrNull` is a form of `anyIf`, and that of `any`. */
function formsOf(word: string): string[] {
  const plain = word.replace(
    /(if|distinct|ornull|ordefault|array|map|foreach|resample|state|simplestate|merge|mergestate)$/,
    '',
  );
  return plain === word || plain === '' ? [word] : [word, ...formsOf(plain)];
}

/** `f(...) OVER`, `f(...) IGNORE NULLS OVER` */
function isWindow({ tokens }: ParsedSql, call: number): boolean {
  let depth = 0;
  for (let index = call + 1; index < tokens.length; index += 1) {
    const word = tokens[index]?.word ?? '';
    if (word === '(') depth += 1;
    if (word === ')') depth -= 1;
    if (depth > 0 || word === ')' || ['IGNORE', 'RESPECT', 'NULLS'].includes(word)) continue;
    return word === 'OVER';
  }
  return false;
}

const families: readonly UnrepeatableFamily[] = [
  {
    names:
      /^(now|now64|nowinblock|today|yesterday|curdate|current_date|current_time|current_timestamp|utctimestamp|utc_timestamp|localtime|localtimestamp|uptime)$/,
    why: 'changes with the clock, so the table would be wrong without any change of its rows',
    wayOut: 'Store the time in the row and compare with it when you query the model.',
  },
  {
    names:
      /^(rand|rand32|rand64|randconstant|randuniform|randnormal|randombytes|randomstring|randomprintableascii|randomfixedstring|generateuuidv4|generateuuidv7|generateulid|generatesnowflakeid|shuffle|fuzzbits)$/,
    why: 'gives another value each time',
    wayOut: 'Derive the value from the row, for example with cityHash64(key).',
  },
  {
    names:
      /^(rownumberinblock|rownumberinallblocks|blocknumber|blocksize|runningdifference|runningaccumulate|neighbor|hostname|queryid|connectionid|servertimezone)$/,
    why: 'depends on how the engine happens to read',
    wayOut: 'Use a window function with ORDER BY.',
  },
  {
    names:
      /^(any|anylast|anyheavy|any_value|first_value|last_value|any_respect_nulls|anylast_respect_nulls|first_value_respect_nulls|last_value_respect_nulls)$/,
    why: 'depends on the order in which the engine happens to read',
    wayOut: 'Use min, max, or argMin/argMax with a column that decides.',
    isMendedByOrder: true,
  },
  {
    names:
      /^(grouparray|groupuniqarray|array_agg|array_concat_agg|grouparrayarray|group_concat|groupconcat|string_agg|grouparraylast)$/,
    why: 'gives its elements in the order in which the engine happens to read',
    wayOut: 'Put arraySort(...) around it.',
    isMendedBy: /^(arraySort|arrayReverseSort|length|arraySum|arrayMax|arrayMin|arrayUniq)$/,
    isMendedByOrder: true,
  },
  {
    names:
      /^(grouparraysample|grouparraymovingsum|grouparraymovingavg|topk|topkweighted|approx_top_k|approx_top_sum|approx_top_count)$/,
    why: 'depends on the order in which the engine happens to read',
    wayOut: 'Count or sum in groups, and take the first of them with ORDER BY ... LIMIT.',
  },
  {
    names:
      /^(quantile|quantiles|median|quantiletdigest|quantilestdigest|mediantdigest|quantiletdigestweighted|quantilestdigestweighted|mediantdigestweighted)$/,
    why: 'is an estimate that depends on the order in which the engine happens to read',
    wayOut: 'Use quantileExact.',
  },
];
