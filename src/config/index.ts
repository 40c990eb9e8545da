/** The configuration file: schema, reading, errors with their place. */
export { configError, issuesOf, pathText, type ConfigPath } from './issues.ts';
export { loadConfig, type LoadedConfig } from './load.ts';
export { filesNamedIn } from './own-files.ts';
export { configJsonSchema, configSchemaOf, RELOADED, type Config, type ConfigSchema, type KeyConfig, type PolicyConfig, type UpstreamConfig } from './schema.ts';
