/** Reads a configuration file: YAML, then the environment, then the schema, then the files it refers to. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isCollection, isMap, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { EntresolError, Secret } from '../core/index.ts';
import { substitute } from './environment.ts';
import { configError, explained, pathText, type ConfigIssue, type ConfigPath } from './issues.ts';
import { filesNamedIn } from './own-files.ts';
import type { Config, ConfigSchema } from './schema.ts';

export interface LoadedConfig {
  readonly config: Config;
  /** Its text and that of the secrets and certificates it refers to, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
  /** `file:line:column` of a setting. */
  at(path: ConfigPath): string;
  /** The secret at a path, from the environment or its file. */
  secret(path: ConfigPath): Secret | undefined;
  /** The text of a file that a setting names. */
  text(file: string): string;
  resolve(file: string): string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `file:line:column` of the node at a path, or of the nearest one above it. @param atName of the setting's name, where it has one */
function placeOf(file: string, document: Document, lines: LineCounter, path: ConfigPath, atName = false): string {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const parent = length === 0 ? undefined : length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path[length - 1]) : undefined;
    // A setting is where its name stands; of an entry of a list, its first value.
    const found = pair !== undefined && (atName || length < path.length || isCollection(node) || !isScalar(node)) ? pair.key : node;
    const range = (found as { range?: readonly number[] | null } | undefined | null)?.range;
    if (range === undefined || range === null) continue;
    const { line, col } = lines.linePos(range[0]);
    return `${file}:${line}:${col}`;
  }
  return `${file}:1:1`;
}

const CONVERTED: Readonly<Record<string, (text: string) => unknown>> = {
  number: (text) => (text.trim() === '' ? text : Number(text)),
  int: (text) => (text.trim() === '' ? text : Number(text)),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : text),
};

/** @throws EntresolError `ENT_CONFIG_INVALID` where aliases point nowhere, or unfold into far more than is written */
function plainData(document: Document, atOffset: (offset: number) => string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let offset = 0;
    visit(document, {
      Alias(_key, node) {
        if (node.resolve(document) !== undefined) return undefined;
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    throw configError([{ at: atOffset(offset), message: error.message }]);
  }
}

/** Replaces the value at a path within plain data. */
function setAt(value: unknown, path: ConfigPath, change: (text: string) => unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((at, part) => (at as Record<string | number, unknown> | undefined)?.[part], value) as Record<string | number, unknown> | undefined;
  const last = path.at(-1);
  if (parent !== undefined && last !== undefined && typeof parent[last] === 'string') parent[last] = change(parent[last]);
}

/** Checks plain data. What came from the environment is text: where the schema wants a number or a truth value, it is read as one. */
function checked(configSchema: ConfigSchema, value: unknown, fromEnvironment: ReadonlySet<string>): ReturnType<ConfigSchema['safeParse']> {
  const first = configSchema.safeParse(value);
  if (first.success) return first;
  let converted = false;
  for (const issue of first.error.issues) {
    const path = issue.path as ConfigPath;
    const convert = issue.code === 'invalid_type' ? CONVERTED[issue.expected] : undefined;
    if (convert === undefined || !fromEnvironment.has(JSON.stringify(path))) continue;
    setAt(value, path, convert);
    converted = true;
  }
  return converted ? configSchema.safeParse(value) : first;
}

/**
 * @param file as it is to be shown in errors
 * @throws EntresolError `ENT_CONFIG_INVALID` with file, line and column of everything that is wrong
 */
export function loadConfig(file: string, schema: ConfigSchema, environment: Environment = process.env): LoadedConfig {
  const path = resolve(file);
  const files = new Map<string, string>();
  const read = (name: string): string => {
    const text = readFileSync(name, 'utf8');
    files.set(name, text);
    return text;
  };
  let source: string;
  try {
    source = read(path);
  } catch (error) {
    throw new EntresolError('ENT_CONFIG_INVALID', `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, { at: file, cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (where: ConfigPath): string => placeOf(file, document, lines, where);
  const atOffset = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) throw configError(document.errors.map((error) => ({ at: atOffset(error.pos[0]), message: error.message })));
  const substituted = substitute(document, environment);
  if (substituted.problems.length > 0) throw configError(substituted.problems.map(({ offset, message }) => ({ at: atOffset(offset), message })));
  const parsed = checked(schema, plainData(document, atOffset), substituted.paths);
  if (!parsed.success) {
    throw configError(parsed.error.issues.map((issue) => {
      const { path: where, message, atName } = explained(issue, (at) => document.hasIn(at));
      return { at: placeOf(file, document, lines, where, atName), message };
    }));
  }
  const beside = (name: string): string => resolve(dirname(path), name);
  const issues: ConfigIssue[] = [];
  const attempt = (where: ConfigPath, name: string): string => {
    try {
      return read(beside(name));
    } catch (error) {
      issues.push({ at: at(where), message: `${pathText(where)}: ${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})` });
      return '';
    }
  };
  const secrets = new Map<string, Secret>();
  parsed.data.upstreams.forEach((upstream, index) => {
    const where = ['upstreams', index, 'apiKey'] as const;
    const { apiKey } = upstream;
    if (typeof apiKey === 'string' && !substituted.paths.has(JSON.stringify(where))) issues.push({ at: at(where), message: 'upstreams[].apiKey must be ${VARIABLE} or {file: PATH}: a configuration file is no place for a secret' });
    const text = typeof apiKey === 'object' ? attempt([...where, 'file'], apiKey.file).trim() : apiKey;
    if (text === '' && issues.length === 0) issues.push({ at: at(where), message: `${pathText(where)} is empty` });
    if (text !== undefined && /[^\x21-\x7e]/.test(text)) issues.push({ at: at(where), message: `${pathText(where)} has a character that no header may hold` });
    if (text !== undefined) secrets.set(JSON.stringify(where), new Secret(text));
    for (const name of ['caFile', 'certificateFile', 'keyFile'] as const) {
      const named = upstream.tls?.[name];
      if (named !== undefined) attempt(['upstreams', index, 'tls', name], named);
    }
    const own = (upstream as Readonly<Record<string, unknown>>)[upstream.kind];
    for (const { path: where, file: named, rename } of filesNamedIn(own, ['upstreams', index, upstream.kind])) {
      attempt(where, named);
      rename(beside(named));
    }
  });
  const { engine } = parsed.data;
  if (engine.model !== undefined) {
    if (!existsSync(beside(engine.model))) issues.push({ at: at(['engine', 'model']), message: `engine.model: there is no file ${engine.model} beside this one` });
    engine.model = beside(engine.model);
  }
  if (issues.length > 0) throw configError(issues);
  return {
    config: parsed.data, files, at, resolve: beside,
    secret: (where) => secrets.get(JSON.stringify(where)),
    text: (name) => files.get(beside(name)) ?? '',
  };
}
