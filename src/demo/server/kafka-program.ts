import { installJava, type JavaProgram } from './java-program.ts';

const version = '4.1.0';

/** The Kafka broker in the user's cache folder (43 MB). Throws CDC_DEMO_SERVER_MISSING. */
export function installKafka(report: (line: string) => void): Promise<JavaProgram> {
  return installJava({ folder: `kafka-${version}`, name: `Kafka ${version}`, pom }, report);
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>strata</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;
