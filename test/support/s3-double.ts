import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { lakePython } from './lake-readers.ts';

/** The next request with this method, to a path that contains `part`, is answered with an error. */
export interface S3Fault {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly part: string;
  readonly status: number;
  readonly code: string;
  /** It is carried out all the same. */
  readonly done?: boolean;
}

/**
 * An S3 server (moto) as a child process: it checks signatures, knows conditional writes, and fails when told to. It ends with its
 * parent, whose end of the pipe it reads.
 */
export class S3Double implements AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly #end: () => Promise<void>;

  private constructor(record: S3Record, end: () => Promise<void>) {
    this.endpoint = `http://127.0.0.1:${record.port}`;
    this.bucket = record.bucket;
    this.accessKeyId = record.accessKeyId;
    this.secretAccessKey = record.secretAccessKey;
    this.#end = end;
  }

  static async open(): Promise<S3Double> {
    const script = fileURLToPath(new URL('./s3-double.py', import.meta.url));
    const child = spawn(await lakePython(), [script], { stdio: ['pipe', 'pipe', 'ignore'] });
    const [line] = (await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the S3 server ended with ${code}`);
      }),
    ])) as [string];
    return new S3Double(JSON.parse(line) as S3Record, async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    });
  }

  async failNext(faults: readonly S3Fault[]): Promise<void> {
    await fetch(`${this.endpoint}/_faults`, { method: 'POST', body: JSON.stringify(faults) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

interface S3Record {
  readonly port: number;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
