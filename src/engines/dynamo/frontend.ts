/** What Dynamo's frontend tells of itself and of the workers behind it. */
import { isObject } from '../../core/fields.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { askJson } from '../upstream/ask-json.ts';

export interface FrontendFacts {
  readonly version?: string;
  readonly paths: ReadonlySet<string>;
}

/** Undefined: it does not tell, or is another server. */
export async function askFrontend(server: UpstreamServer): Promise<FrontendFacts | undefined> {
  const content = await askJson(server, '/openapi.json');
  if (!isObject(content) || !isObject(content.info) || typeof content.info.title !== 'string' || !/dynamo/i.test(content.info.title)) return undefined;
  return {
    ...(typeof content.info.version === 'string' ? { version: content.info.version } : {}),
    paths: new Set(isObject(content.paths) ? Object.keys(content.paths) : []),
  };
}

/** Workers that generate, by their ids: 64-bit numbers, which parsed as JSON would become others. Undefined: it does not tell. @throws where it is not well */
export async function askWorkers(server: UpstreamServer): Promise<ReadonlySet<string> | undefined> {
  const { status, body } = await server.ask('/health');
  if (status === 502 || status === 503 || status === 504) throw new Error(`GET /health was answered ${status}`);
  const text = status === 200 ? body.toString('utf8') : '';
  if (!text.includes('"instances"')) return undefined;
  return new Set([...text.matchAll(/"endpoint":\s*"generate"[^{}]*?"instance_id":\s*(\d+)/g)].map(([, id]) => id));
}
