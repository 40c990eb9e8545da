import { EntresolError, type Engine } from '../core/index.ts';
import type { UpstreamOptions } from '../engines/upstream/options.ts';
import { isPlannedKind, UPSTREAM_KINDS, upstreamKindNamed } from '../engines/registry.ts';

const KINDS = UPSTREAM_KINDS.map(({ kind }) => kind);

/** For the help of `--upstream`. */
export const UPSTREAM_HELP = `KIND=URL of an engine; KIND is ${KINDS.slice(0, -1).join(', ')} or ${KINDS.at(-1)}`;

/**
 * Engines of `--upstream KIND=URL` flags, in their order; replicas need distinct URLs.
 * @throws EntresolError `ENT_USAGE`
 */
export function upstreamEngines(flags: readonly string[]): Engine[] {
  const engines = flags.map((flag) => upstreamEngine(flag));
  const replicas = engines.map((engine) => engine.replica);
  const twice = replicas.find((replica, index) => replicas.indexOf(replica) !== index);
  if (twice !== undefined) throw new EntresolError('ENT_USAGE', `${twice} is given twice.`, { at: '--upstream' });
  return engines;
}

/**
 * @param options beside its URL
 * @throws EntresolError `ENT_USAGE`
 */
export function upstreamEngine(flag: string, options: Omit<UpstreamOptions, 'url'> = {}): Engine {
  const equals = flag.indexOf('=');
  const kind = flag.slice(0, Math.max(0, equals));
  const known = upstreamKindNamed(kind);
  if (known !== undefined) return known.make({ ...options, url: flag.slice(equals + 1) });
  if (isPlannedKind(kind)) throw new EntresolError('ENT_USAGE', `${kind} has no adapter of its own yet; a server that speaks chat completions works as openai-compatible=URL.`, { at: '--upstream' });
  throw new EntresolError('ENT_USAGE', `expected KIND=URL with KIND one of ${KINDS.join(', ')}, found ${JSON.stringify(flag)}.`, { at: '--upstream' });
}
