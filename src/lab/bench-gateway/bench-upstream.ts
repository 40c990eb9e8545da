/** The engine of the bench: answers at once and always the same, so that what is measured lies between. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ANSWER_PIECES, ANSWER_TEXT } from './conversation.ts';

const USAGE = { prompt_tokens: 1000, completion_tokens: ANSWER_PIECES.length, total_tokens: 1000 + ANSWER_PIECES.length, prompt_tokens_details: { cached_tokens: 900 } };
const WHOLE = Buffer.from(JSON.stringify({
  id: 'chatcmpl-bench', object: 'chat.completion', created: 1, model: 'bench', choices: [{ index: 0, message: { role: 'assistant', content: ANSWER_TEXT }, finish_reason: 'stop' }], usage: USAGE,
}));
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: unknown, finish: string | null): string => event({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] });
const CHUNKS = [...ANSWER_PIECES.map((content) => chunk({ content }, null)), chunk({}, 'stop')].map((text) => Buffer.from(text));
const USAGE_CHUNK = Buffer.from(event({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [], usage: USAGE }));
const DONE = Buffer.from('data: [DONE]\n\n');
/** A request's last bytes tell whether it streams and wants the usage chunk. */
const TAIL_BYTES = 200;

export interface BenchUpstream {
  readonly url: string;
  /** When the exchange of each `x-bench-hold` id was given up from the other side; milliseconds since the epoch. */
  readonly givenUpAtMs: ReadonlyMap<string, number>;
  closeIdle(): void;
  close(): Promise<void>;
}

/** `x-bench-hold: before ID` never answers, `x-bench-hold: within ID` begins a stream and never ends it. */
function hold(header: string, response: ServerResponse, givenUpAtMs: Map<string, number>): void {
  const [where, id] = header.split(' ');
  response.on('close', () => givenUpAtMs.set(id, performance.timeOrigin + performance.now()));
  if (where !== 'within') return;
  response.writeHead(200, ['content-type', 'text/event-stream']);
  response.write(CHUNKS[0]);
}

function answer(response: ServerResponse, tail: string): void {
  if (!tail.includes('"stream":true')) {
    response.writeHead(200, ['content-type', 'application/json', 'content-length', String(WHOLE.length)]);
    response.end(WHOLE);
    return;
  }
  response.writeHead(200, ['content-type', 'text/event-stream', 'cache-control', 'no-cache']);
  for (const piece of CHUNKS) response.write(piece);
  if (tail.includes('"include_usage":true')) response.write(USAGE_CHUNK);
  response.end(DONE);
}

export async function startBenchUpstream(port = 0): Promise<BenchUpstream> {
  const givenUpAtMs = new Map<string, number>();
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    let tail = '';
    request.on('data', (part: Buffer) => {
      tail = (tail + part.toString('latin1', Math.max(0, part.length - TAIL_BYTES))).slice(-TAIL_BYTES);
    });
    request.on('end', () => {
      const held = request.headers['x-bench-hold'];
      if (typeof held === 'string') hold(held, response, givenUpAtMs);
      else answer(response, tail);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    givenUpAtMs,
    closeIdle: () => server.closeIdleConnections(),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
