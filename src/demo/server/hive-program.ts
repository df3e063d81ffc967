import { installJava, type JavaProgram } from './java-program.ts';

const version = '4.0.1';

/**
 * HiveServer2 with an embedded metastore and Hadoop's local job runner in the user's cache folder (160 MB). Throws
 * CDC_DEMO_SERVER_MISSING.
 */
export function installHive(report: (line: string) => void): Promise<JavaProgram> {
  return installJava(
    {
      folder: `hive-${version}`,
      name: `HiveServer2 ${version}`,
      pom: renderPom(),
      // Its classes hide the newer ones inside hive-exec, which ORC needs.
      without: ['protobuf-java-2.5.0.jar'],
    },
    report,
  );
}

/**
 * `hive-exec` has most of what Hive needs inside, so the Hive jars come without their own dependencies (these need another
 * repository), and the few that are missing are named.
 */
const lone = [
  `org.apache.hive:hive-exec:${version}`,
  `org.apache.hive:hive-service:${version}`,
  `org.apache.hive:hive-hplsql:${version}`,
  'org.eclipse.jetty:jetty-runner:9.4.45.v20220203',
  'org.apache.zookeeper:zookeeper:3.8.3',
  'com.github.ben-manes.caffeine:caffeine:2.8.4',
  'org.antlr:ST4:4.0.4',
  'org.apache.tez:tez-api:0.10.4',
  'org.apache.hadoop:hadoop-hdfs:3.3.6',
];

const whole = [
  'org.apache.derby:derby:10.14.2.0',
  'org.datanucleus:datanucleus-core:5.2.10',
  'org.datanucleus:datanucleus-rdbms:5.2.10',
  'org.datanucleus:datanucleus-api-jdo:5.2.8',
  'javax.transaction:javax.transaction-api:1.3',
  'org.apache.commons:commons-dbcp2:2.9.0',
  'org.apache.commons:commons-collections4:4.1',
  'org.apache.commons:commons-jexl3:3.3',
  'org.codehaus.janino:janino:3.0.11',
  'org.antlr:antlr4-runtime:4.9.3',
  'org.reflections:reflections:0.10.2',
  'org.springframework:spring-jdbc:5.3.21',
  'org.apache.logging.log4j:log4j-slf4j-impl:2.18.0',
  'org.apache.logging.log4j:log4j-1.2-api:2.18.0',
  'org.apache.logging.log4j:log4j-core:2.18.0',
];

const clientExclusions = [
  'org.slf4j:slf4j-reload4j',
  'ch.qos.reload4j:reload4j',
  'org.eclipse.jetty:*',
  'org.eclipse.jetty.websocket:*',
  'com.sun.jersey:*',
  'io.netty:*',
  'org.jline:*',
  'javax.servlet.jsp:*',
  'javax.servlet:*',
  'com.google.code.findbugs:*',
];

function renderPom(): string {
  const dependencies = [
    ...lone.map((name) => renderDependency(name, ['*:*'])),
    ...whole.map((name) => renderDependency(name)),
    renderDependency('com.jayway.jsonpath:json-path:2.9.0', ['org.slf4j:slf4j-api']),
    renderDependency('org.apache.hadoop:hadoop-client:3.3.6', clientExclusions),
  ];
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>strata</groupId><artifactId>hive</artifactId><version>1</version>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}

function renderDependency(name: string, without: readonly string[] = []): string {
  const exclusions = without.map((each) => `<exclusion>${renderName(each)}</exclusion>`);
  return `<dependency>${renderName(name)}<exclusions>${exclusions.join('')}</exclusions></dependency>`;
}

function renderName(name: string): string {
  const [group, artifact, version] = name.split(':');
  const tags = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>`;
  return version === undefined ? tags : `${tags}<version>${version}</version>`;
}
