import { configSchemaOf } from '../config/index.ts';
import { UPSTREAM_KINDS } from '../engines/registry.ts';

/** The configuration file with every kind of engine that there is. */
export const configSchema = configSchemaOf(UPSTREAM_KINDS);
