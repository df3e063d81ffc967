const secretOption =
  /\b(CONNECTION|PASSWORD)(\s*=?\s*)(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")/gi;
const secretInList = /\b(password\s*=\s*)[^\s,'"]+/gi;

/** A table's DDL to show to people, without the passwords that FEDERATED and CONNECT tables may have in it. */
export function readableDdl(sql: string): string {
  return sql.replace(secretOption, "$1$2'***'").replace(secretInList, '$1***');
}
