/** Logs of real runs as traces: hashes, lengths and times, no text. The formats are in docs/traces.md. */
export { FORMATS } from './formats/index.ts';
export { importTrace, type ImportOptions, type ImportSummary } from './import-trace.ts';
export { inputFiles } from './input-files.ts';
export { TextHasher } from './text-hasher.ts';
