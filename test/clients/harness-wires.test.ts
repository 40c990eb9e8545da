/** Wires of Claude Code, Codex and OpenCode, as their documentation has them: passed to hosted APIs, served by any engine. */
import { afterEach, describe, expect, it } from 'vitest';
import { startServer, type RunningServer } from '../../src/cli/compose.ts';
import type { Dialect, Engine, Event } from '../../src/core/index.ts';
import { OpenAiEngine } from '../../src/engines/openai/engine.ts';
import { SimulatedEngine } from '../../src/engines/simulated/engine.ts';
import { closeAll, closeLater, eventsOf, post } from '../support/gateway-setup.ts';
import { startUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { forceAnswers } from './support/forced-engine.ts';
import { WIRES } from './support/harness-wires.ts';
import { modelServer } from './support/model-server.ts';

afterEach(closeAll);

async function before(engine: Engine): Promise<{ server: RunningServer; events: Event[] }> {
  const server = await startServer({ engines: [engine], hostedTools: 'leave-out', log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, events };
}
async function upstreamOf(...dialects: readonly Dialect[]): Promise<ScriptedUpstream> {
  const upstream = await startUpstream(modelServer(...dialects));
  closeLater(() => upstream.close());
  return upstream;
}
const named = (headers: readonly string[]): string[] => headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());

describe.each(WIRES)('$name', ({ dialect, hosted, path, headers, body, by, own, leftOut }) => {
  const sent = JSON.stringify(body);
  const send = (server: RunningServer): Promise<Response> => post(server.url + path, sent, headers);

  it('goes to its hosted API as it came', async () => {
    const upstream = await upstreamOf(dialect);
    const { server, events } = await before(new OpenAiEngine({ kind: hosted, url: upstream.url }));
    expect((await send(server)).status).toBe(200);
    const [received] = upstream.received;
    expect(received.path).toBe(path);
    expect(received.body.toString()).toBe(sent);
    const kept = new Map(received.headers.flatMap((value, index, all) => (index % 2 === 1 ? [[all[index - 1].toLowerCase(), value] as const] : [])));
    for (const [name, value] of Object.entries(headers)) expect([name, kept.get(name)]).toEqual([name, value]);
    expect(eventsOf(events, 'request-arrive')).toMatchObject([{ by }]);
  });

  it('is served by an engine within Entresol, with its tool calls', async () => {
    const { server, events } = await before(forceAnswers(new SimulatedEngine({ teacherForcing: true, contextTokens: 8192 })));
    const answer = await send(server);
    expect(answer.headers.get('x-entresol-left-out')).toBe(leftOut);
    const text = await answer.text();
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/\[DONE\]|"type":"message_stop"|"type":"response.completed"/);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'tool_calls', tools: ['lookup', 'lookup'], by }]);
    expect(eventsOf(events, 'tool-call-streamed')).toMatchObject([{ name: 'lookup', argumentsJson: '{"topic":"weather in \\"Zürich\\""}' }, { name: 'lookup' }]);
  });

  it('tells a server of one\'s own nothing of its sessions, whatever the server speaks', async () => {
    const upstream = await upstreamOf('chat');
    const { server } = await before(new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url }));
    expect((await send(server)).status).toBe(200);
    const last = upstream.received.at(-1);
    expect(last?.path).toBe('/v1/chat/completions');
    expect(named(last?.headers ?? []).filter((name) => own.test(name))).toEqual([]);
  });
});
