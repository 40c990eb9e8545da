/** Which traces play in the league, and by which settings. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { locateTrace, traceFolders, traceName } from '../trace/index.ts';

export interface LeagueTrace {
  readonly name: string;
  readonly path: string;
  readonly blockTokens: number;
  readonly maxCalls?: number;
  readonly concurrency: number;
  /** Without agents: it counts for the worst pair, not for the means, and nothing is fitted on it. */
  readonly control: boolean;
}

export interface TraceSettings {
  readonly blockTokens?: number;
  readonly maxCalls?: number;
  readonly concurrency?: number;
}

/** What a trace's own description asks for: long prompts in large blocks, the block ids of its source, one endless session. */
const SETTINGS: Readonly<Record<string, TraceSettings & { readonly control?: boolean }>> = {
  'claude-code-team': { blockTokens: 256, maxCalls: 8000 },
  'mooncake-conversation': { blockTokens: 512, maxCalls: 4000, concurrency: 1, control: true },
};
const BLOCK_TOKENS = 16;
const CONCURRENCY = 16;

/** Every trace in the known folders, by name; the first folder that has it counts. */
export function knownTraces(workingFolder = process.cwd(), environment: NodeJS.ProcessEnv = process.env): string[] {
  const found = new Map<string, string>();
  for (const folder of traceFolders(workingFolder, environment).filter((path) => existsSync(path))) {
    for (const file of readdirSync(folder).filter((name) => /\.jsonl(\.gz)?$/.test(name))) {
      const name = traceName(file);
      if (!found.has(name)) found.set(name, resolve(folder, file));
    }
  }
  return [...found].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, path]) => path);
}

/**
 * @param references paths or names; none: every trace that is found
 * @param given what the command line says, over the settings of each trace
 * @throws EntresolError `ENT_TRACE_MISSING`, `ENT_USAGE` for two traces of one name
 */
export function leagueTraces(references: readonly string[], given: TraceSettings = {}): LeagueTrace[] {
  const paths = references.length === 0 ? knownTraces() : references.map((reference) => locateTrace(reference));
  if (paths.length === 0) throw new EntresolError('ENT_TRACE_MISSING', 'there is no trace in any of the known folders.', { at: '--trace' });
  const traces = paths.map((path) => {
    const name = traceName(path);
    const { control = false, ...own } = SETTINGS[name] ?? {};
    const settings = { blockTokens: BLOCK_TOKENS, concurrency: CONCURRENCY, ...own };
    return {
      name, path, control,
      blockTokens: given.blockTokens ?? settings.blockTokens,
      concurrency: given.concurrency ?? settings.concurrency,
      maxCalls: given.maxCalls ?? settings.maxCalls,
    };
  });
  const twice = traces.find(({ name }, index) => traces.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new EntresolError('ENT_USAGE', `two traces are called ${twice.name}.`, { at: '--trace' });
  return traces;
}
