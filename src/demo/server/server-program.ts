/** How to run one server software with private data: what differs between MariaDB and MySQL. */
export interface ServerProgram {
  readonly flavour: 'mariadb' | 'mysql';
  /** The program and the arguments that always come first. */
  readonly command: readonly [string, ...string[]];
  /** Options beside those every server gets from `LocalServer`. */
  readonly options: readonly string[];
  /** Creates an empty data folder whose administrator is root without a password. */
  prepare(dataFolder: string): Promise<void>;
}
