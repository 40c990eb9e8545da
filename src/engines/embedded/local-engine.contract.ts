/** What every local engine must do beyond the engine contract (`../engine.contract.ts`), real or simulated, as a client sees it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_TENANT } from '../../core/index.ts';
import type { LocalEngine } from './local-engine.ts';
import { engineCall, RecordingAnswer, RecordingHost } from './testing/recording-answer.ts';

interface Choice { index: number; finish_reason: string | null; text?: string; message?: Message; delta?: Partial<Message> }
interface Message { role: string; content: string | null; tool_calls?: { index?: number; id: string; type: string; function: { name: string; arguments: string } }[] }
interface Document { id: string; object: string; model: string; choices: Choice[]; usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number; prompt_tokens_details: { cached_tokens: number } } | null }

const tools = [{ type: 'function', function: { name: 'search_documents', description: 'Searches.', parameters: { type: 'object', properties: { query: { type: 'string' } } } } }];
const system = { role: 'system', content: 'You are a careful researcher. Use the tools that you are given, and answer in one paragraph. '.repeat(6) };

/** @param make must serve with teacher forcing, in a context of 1,024 tokens */
export function describeLocalEngine(name: string, make: () => LocalEngine): void {
  describe(name, () => {
    const engine = make();
    const host = new RecordingHost();
    let model: string;
    beforeAll(async () => {
      await engine.start(host);
      model = engine.models()[0].id;
    });
    afterAll(async () => { await engine.stop(0); });

    async function chat(body: object, session?: string): Promise<{ answer: RecordingAnswer; report: Awaited<ReturnType<LocalEngine['handle']>> }> {
      const answer = new RecordingAnswer();
      const report = await engine.handle(engineCall('chat', { model, temperature: 0, ...body }, { session }), answer);
      return { answer, report };
    }

    it('names its model and says that it is synthetic', () => {
      expect(engine.models()).toEqual([{ id: model, contextTokens: 1024, synthetic: true }]);
      expect(engine.healthy()).toBe(true);
      expect(host.events).toContainEqual(expect.objectContaining({ type: 'engine-up' }));
    });

    it('answers whole, with exact usage', async () => {
      const { answer, report } = await chat({ messages: [{ role: 'user', content: 'Say something.' }], max_tokens: 7 });
      const document = answer.json as Document;
      expect(answer).toMatchObject({ status: 200, ended: true });
      expect(document).toMatchObject({ object: 'chat.completion', model, choices: [{ index: 0, finish_reason: 'length', message: { role: 'assistant', content: expect.any(String) } }] });
      expect(document.usage).toMatchObject({ completion_tokens: 7, total_tokens: document.usage!.prompt_tokens + 7 });
      expect(report).toMatchObject({ status: 'ok', stop: 'length', outputTokens: 7, promptTokens: document.usage!.prompt_tokens, tools: [] });
    });

    it('streams the same answer', async () => {
      const body = { messages: [{ role: 'user', content: 'Stream something.' }], max_tokens: 12 };
      const whole = (await chat(body)).answer.json as Document;
      const { answer } = await chat({ ...body, stream: true, stream_options: { include_usage: true } });
      const events = answer.events as unknown as Document[];
      expect(answer.headers).toContain('text/event-stream; charset=utf-8');
      expect(events[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
      expect(events.map((event) => event.choices[0]?.delta?.content ?? '').join('')).toBe(whole.choices[0].message?.content);
      expect(events.at(-2)?.choices[0].finish_reason).toBe('length');
      expect(events.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 12 } });
      expect(new Set(events.map((event) => event.id)).size).toBe(1);
    });

    it('counts what a longer turn of the same session finds in the cache', async () => {
      const first = [system, { role: 'user', content: 'Which file decides?' }];
      const one = (await chat({ messages: first, tools, max_tokens: 8 }, 'turns')).answer.json as Document;
      const reply = one.choices[0].message!;
      const second = [...first, reply, { role: 'user', content: 'And why?' }];
      const two = (await chat({ messages: second, tools, max_tokens: 8 }, 'turns')).answer.json as Document;
      // Prompt and answer but for the last token, which has not been fed back.
      expect(two.usage!.prompt_tokens_details.cached_tokens).toBe(one.usage!.prompt_tokens + 8 - 1);
    });

    it('decodes forced tool calls, and they come back as the same tokens', async () => {
      const messages = [system, { role: 'user', content: 'Find the retention index.' }];
      const force = { content: 'Let me look.', tool_calls: [{ name: 'search_documents', arguments: { query: 'retention "index"', max_results: 3 } }, { name: 'search_documents', arguments: {} }] };
      const { answer, report } = await chat({ messages, tools, entresol_force: force }, 'forced');
      const { choices: [{ message, finish_reason }], usage } = answer.json as Document;
      expect(finish_reason).toBe('tool_calls');
      expect(report).toMatchObject({ status: 'ok', stop: 'tool_calls', tools: ['search_documents', 'search_documents'] });
      expect(message?.content).toBe('Let me look.');
      expect(message?.tool_calls?.map((call) => call.function)).toEqual([
        { name: 'search_documents', arguments: '{"query":"retention \\"index\\"","max_results":3}' }, { name: 'search_documents', arguments: '{}' },
      ]);
      const next = [...messages, message, ...message!.tool_calls!.map((call) => ({ role: 'tool', tool_call_id: call.id, content: 'nothing found' }))];
      const two = (await chat({ messages: next, tools, max_tokens: 3 }, 'forced')).answer.json as Document;
      expect(two.usage!.prompt_tokens_details.cached_tokens).toBe(usage!.total_tokens - 1);
    });

    it('streams tool calls: name first, then arguments', async () => {
      const { answer } = await chat({ messages: [{ role: 'user', content: 'Go.' }], tools, stream: true, entresol_force: { tool_calls: [{ name: 'search_documents', arguments: { query: 'a b c' } }] } });
      const events = answer.events as unknown as Document[];
      const deltas = events.flatMap((event) => event.choices[0]?.delta?.tool_calls ?? []);
      expect(deltas[0]).toMatchObject({ index: 0, id: expect.stringMatching(/^call_/u), type: 'function', function: { name: 'search_documents', arguments: '' } });
      expect(deltas.map((delta) => delta.function.arguments).join('')).toBe('{"query":"a b c"}');
      expect(events.at(-1)?.choices[0].finish_reason).toBe('tool_calls');
      expect(events.map((event) => event.choices[0].delta?.content ?? '').join('')).toBe('');
    });

    it('ends at stop strings', async () => {
      const { answer, report } = await chat({ messages: [{ role: 'user', content: 'Count.' }], stop: ['two'], entresol_force: { content: 'one two three four five six' } });
      expect(answer.json).toMatchObject({ choices: [{ finish_reason: 'stop', message: { content: 'one ' } }] });
      expect(report).toMatchObject({ status: 'ok', stop: 'stop' });
    });

    it('completes text and tokens', async () => {
      for (const prompt of ['Once upon a time', [400, 500, 600]]) {
        const answer = new RecordingAnswer();
        await engine.handle(engineCall('completions', { model, prompt, max_tokens: 4, temperature: 0 }), answer);
        expect(answer.json).toMatchObject({ object: 'text_completion', choices: [{ text: expect.any(String), finish_reason: 'length' }], usage: { completion_tokens: 4 } });
      }
      const answer = new RecordingAnswer();
      await engine.handle(engineCall('completions', { model, prompt: 'Once', max_tokens: 2, stream: true }), answer);
      expect(answer.events.at(-1)).toMatchObject({ choices: [{ text: '', finish_reason: 'length' }] });
    });

    it('counts a prompt before it is served', async () => {
      const body = { model, messages: [{ role: 'user', content: 'Count me in. '.repeat(20) }], max_tokens: 2, temperature: 0 };
      const before = await engine.inspect(engineCall('chat', body), LOCAL_TENANT);
      const { report } = await chat(body);
      expect(before).toEqual({ promptTokens: report.promptTokens, residentTokens: report.cachedTokens });
      const after = await engine.inspect(engineCall('chat', body), LOCAL_TENANT);
      // Some managers keep whole units only.
      expect(after?.residentTokens).toBeGreaterThan(report.promptTokens - 64);
      expect((await chat(body)).report.cachedTokens).toBeGreaterThan(report.promptTokens - 64);
    });

    it.each([
      ['unknown models', { model: 'gpt-x' }, { code: 'ENT_UNKNOWN_MODEL' }],
      ['what it cannot do', { n: 3 }, { code: 'ENT_BAD_REQUEST', at: 'n' }],
      ['prompts that are too long', { messages: [{ role: 'user', content: 'word '.repeat(3000) }] }, { code: 'ENT_PROMPT_TOO_LONG' }],
    ])('refuses %s before it answers', async (_what, body, error) => {
      const answer = new RecordingAnswer();
      const call = engineCall('chat', { model, messages: [{ role: 'user', content: 'x' }], ...body });
      await expect(engine.handle(call, answer)).rejects.toMatchObject(error);
      expect(answer.status).toBe(0);
    });

    it('serves many sessions at once in few slots', async () => {
      const reports = await Promise.all(Array.from({ length: 12 }, async (_, index) => {
        const messages = [system, { role: 'user', content: `Session ${index} asks.` }];
        return (await chat({ messages, tools, max_tokens: 5 }, `many-${index}`)).report;
      }));
      expect(reports.every((report) => report.status === 'ok' && report.outputTokens === 5)).toBe(true);
      expect(engine.load().cacheUsedFraction).toBeGreaterThan(0);
    });
  });
}
