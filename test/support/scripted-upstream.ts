/** A real HTTP server on loopback that answers by script and remembers exactly what it was sent. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Alternating names and values, as received. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Settles when the client's side of the exchange is closed before the answer's end. */
  readonly aborted: Promise<void>;
}

export type Script = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>;

export interface ScriptedUpstream {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  script(next: Script): void;
  close(): Promise<void>;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** @param port of an upstream that was closed, to start it again */
export async function startUpstream(first: Script, port = 0): Promise<ScriptedUpstream> {
  let current = first;
  const received: ReceivedRequest[] = [];
  const server: Server = createServer((request, response) => {
    void readAll(request).then(async (body) => {
      const aborted = new Promise<void>((resolve) => {
        response.on('close', () => {
          if (!response.writableFinished) resolve();
        });
      });
      const entry = { method: request.method ?? '', path: request.url ?? '', headers: request.rawHeaders, body, aborted };
      received.push(entry);
      await current(entry, response);
    }, () => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    script: (next) => { current = next; },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

export const sse = (events: readonly unknown[]): string => [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n'].join('');

const chunk = (choices: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): unknown => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...more });

/** The chunks of a streamed chat answer. */
export const textChunk = (content: string, finish: string | null = null): unknown => chunk([{ index: 0, delta: { role: 'assistant', content }, finish_reason: finish }]);
export const finishChunk = (finish: string): unknown => chunk([{ index: 0, delta: {}, finish_reason: finish }]);
export const toolChunk = (index: number, id: string, name: string, text: string): unknown =>
  chunk([{ index: 0, delta: { role: 'assistant', tool_calls: [{ index, id, type: 'function', function: { name, arguments: text } }] }, finish_reason: null }]);
export const usageChunk = (prompt: number, cached: number, output: number): unknown =>
  chunk([], { usage: { prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output, prompt_tokens_details: { cached_tokens: cached } } });

/** A server that speaks as OpenAI's does: streams if asked, sends usage if asked. */
export const speak = (text: string): Script => (request, response) => {
  const body = JSON.parse(request.body.toString() || '{}') as { stream?: boolean; stream_options?: { include_usage?: boolean } };
  if (body.stream === true) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(sse([textChunk(text), finishChunk('stop'), ...(body.stream_options?.include_usage === true ? [usageChunk(12, 8, 3)] : [])]));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'upstream-7' });
  response.end(JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }], usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, prompt_tokens_details: { cached_tokens: 8 } } }));
};
