import { resolve } from 'node:path';
import type { SinkOptions } from '../sink/options.ts';

/** Files of certificates are named relative to the project file. */
export function withAbsoluteCertificates<T extends { readonly ssl?: object | undefined }>(
  options: T,
  folder: string,
): T {
  if (options.ssl === undefined) return options;
  const files = Object.entries(options.ssl).map(([name, value]) => [
    name,
    typeof value === 'string' ? resolve(folder, value) : value,
  ]);
  return { ...options, ssl: { ...options.ssl, ...Object.fromEntries(files) } };
}

/** So is whatever a sink reads or writes on this machine. */
export function withAbsolutePaths(sink: SinkOptions, folder: string): SinkOptions {
  const options = 'ssl' in sink ? withAbsoluteCertificates(sink, folder) : sink;
  switch (options.type) {
    case 'files':
      return { ...options, folder: resolve(folder, options.folder) };
    case 'lake':
      return options.s3 === undefined
        ? { ...options, path: resolve(folder, options.path) }
        : options;
    case 'hive':
      return options.files.type === 'local'
        ? { ...options, files: { ...options.files, path: resolve(folder, options.files.path) } }
        : options;
    case 'redis':
      return {
        ...options,
        overrides: options.overrides.map((override) => {
          const { value } = override.settings;
          if (typeof value !== 'object' || !('protoFile' in value)) return override;
          const protoFile = resolve(folder, value.protoFile);
          return {
            ...override,
            settings: { ...override.settings, value: { ...value, protoFile } },
          };
        }),
      };
    default:
      return options;
  }
}
