import { EntresolError, type Engine } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';

const PASS_THROUGH = ['openai', 'anthropic', 'openai-compatible'] as const;
const LATER = ['llama-server', 'vllm', 'sglang', 'dynamo', 'llm-d'];

/**
 * Engines of `--upstream KIND=URL` flags, in their order; replicas need distinct URLs.
 * @throws EntresolError `ENT_USAGE`
 */
export function upstreamEngines(flags: readonly string[]): Engine[] {
  const engines = flags.map(upstreamEngine);
  const replicas = engines.map((engine) => engine.replica);
  const twice = replicas.find((replica, index) => replicas.indexOf(replica) !== index);
  if (twice !== undefined) throw new EntresolError('ENT_USAGE', `${twice} is given twice.`, { at: '--upstream' });
  return engines;
}

function upstreamEngine(flag: string): Engine {
  const equals = flag.indexOf('=');
  const kind = flag.slice(0, Math.max(0, equals));
  const known = PASS_THROUGH.find((name) => name === kind);
  if (known !== undefined) return new OpenAiEngine({ kind: known, url: flag.slice(equals + 1) });
  if (LATER.includes(kind)) throw new EntresolError('ENT_USAGE', `${kind} has no adapter of its own yet; a server that speaks chat completions works as openai-compatible=URL.`, { at: '--upstream' });
  throw new EntresolError('ENT_USAGE', `expected KIND=URL with KIND one of ${PASS_THROUGH.join(', ')}, found ${JSON.stringify(flag)}.`, { at: '--upstream' });
}
