import type { AskOptions, UpstreamServer } from './adapter.ts';

/** What a server answers to a question, as JSON: undefined where it has no such route, or what comes is no JSON. Throws where there is no answer. */
export async function askJson(server: UpstreamServer, path: string, options?: AskOptions): Promise<unknown> {
  const { status, body } = await server.ask(path, options);
  if (status !== 200) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    server.host.trouble('answer-garbage', path);
    return undefined;
  }
}
