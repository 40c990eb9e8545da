/** Whatever clients, policies and the server do in whatever order: answers are those of a server that holds nothing, and nothing is shared across tenants. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { EntresolError, type CallReport, type Intent } from '../../core/index.ts';
import { RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { LlamaServerEngine } from './engine.ts';
import { callOf, lineageOf, textOf } from './llama-server.contract.ts';
import { llamaServerSettings } from './settings.ts';
import { StandInServer } from './testing/stand-in.ts';

const TENANTS = ['local', 'other'];
const SESSIONS = ['a', 'b', 'c'];

type Step =
  | { readonly kind: 'calls'; readonly restarts: boolean; readonly calls: readonly { readonly session: number; readonly tenant: number; readonly turns: number; readonly stream: boolean }[] }
  | { readonly kind: 'intent'; readonly session: number; readonly name: 'demote' | 'restore' | 'evict' | 'retain' }
  | { readonly kind: 'stranger'; readonly text: number }
  | { readonly kind: 'lost-files' }
  | { readonly kind: 'restart' };

const call = fc.record({ session: fc.nat(2), tenant: fc.nat(1), turns: fc.integer({ min: 1, max: 4 }), stream: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('calls' as const), restarts: fc.integer({ min: 0, max: 7 }).map((at) => at === 0), calls: fc.array(call, { minLength: 1, maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('intent' as const), session: fc.nat(2), name: fc.constantFrom('demote' as const, 'restore' as const, 'evict' as const, 'retain' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stranger' as const), text: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lost-files' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

/** All sessions and tenants say the same first; then each its own. */
function messagesOf(session: number, tenant: number, turns: number): { role: string; content: string }[] {
  const words = (name: string, count: number): string => Array.from({ length: count }, (_, at) => `${name}${at}`).join(' ');
  return [{ role: 'system', content: words('shared', 70) }, ...Array.from({ length: turns }, (_, turn) => ({ role: 'user', content: words(`t${tenant}s${session}u${turn}w`, 40) }))];
}

const spoken = (answer: RecordingAnswer): string | undefined => (answer.body.startsWith('data:')
  ? answer.events.map((event) => (event.choices as { delta?: { content?: string } }[])[0]?.delta?.content ?? '').join('')
  : textOf(answer));

async function ask(url: string, body: object): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ ...body, cache_prompt: false }), headers: { connection: 'close' } });
  return ((await response.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content;
}

/** Undefined: it failed with an error of ours, as a call may while its server goes down. */
async function settled(handled: Promise<CallReport>): Promise<CallReport | undefined> {
  try {
    return await handled;
  } catch (error) {
    expect(error).toBeInstanceOf(EntresolError);
    return undefined;
  }
}

it('never says what a server that holds nothing would not say, and shares nothing across tenants', async () => {
  const judge = new StandInServer({ contextTokens: 4096 });
  await judge.start();
  const known = new Map<string, string>();
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), fc.constantFrom('exact', 'text'), async (steps, prompts) => {
    const server = new StandInServer({ contextTokens: 4096 });
    await server.start();
    const engine = new LlamaServerEngine({ url: server.url, retryMs: 5, proxy: 'none' }, llamaServerSettings.parse({ stateMiB: 1, prompts }));
    await engine.start(new RecordingHost());
    /** What each tenant has sent by now. */
    const sent = TENANTS.map(() => new Set<string>());
    try {
      for (const one of steps) {
        if (one.kind === 'intent') {
          const target = lineageOf(SESSIONS[one.session]);
          const intent: Intent = one.name === 'demote' ? { kind: 'demote', target, tier: 'host' } : one.name === 'retain' ? { kind: 'retain', target, untilMs: performance.now() + 1000 } : { kind: one.name, target };
          expect(['accepted', 'clipped', 'deferred', 'rejected']).toContain((await engine.perform(intent)).status);
        } else if (one.kind === 'stranger') await ask(server.url, { messages: messagesOf(one.text, 2, 2) });
        else if (one.kind === 'lost-files') server.files.clear();
        else if (one.kind === 'restart') await server.restart();
        else {
          await Promise.all([one.restarts ? server.restart() : undefined, ...one.calls.map(async ({ session, tenant, turns, stream }) => {
            const body = { messages: messagesOf(session, tenant, turns), max_tokens: 3 };
            const answer = new RecordingAnswer();
            const before = [...sent[tenant]];
            for (let turn = 1; turn <= turns; turn++) sent[tenant].add(JSON.stringify(messagesOf(session, tenant, turn)));
            const report = await settled(engine.handle(callOf({ ...body, ...(stream ? { stream } : {}) }, { session: SESSIONS[session], tenant: TENANTS[tenant] }), answer));
            const key = JSON.stringify(body);
            if (!known.has(key)) known.set(key, await ask(judge.url, body));
            if (one.restarts && report?.status !== 'ok') return;
            expect(report?.status).toBe('ok');
            expect(spoken(answer)).toBe(known.get(key));
            if (one.calls.length === 1 && before.length === 0) expect(report?.cachedTokens).toBe(0);
          })]);
        }
      }
    } finally {
      await engine.stop(0);
      await server.stop();
    }
  }), { numRuns: 30 });
  await judge.stop();
});
