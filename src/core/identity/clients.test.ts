import { describe, expect, it } from 'vitest';
import { Caller } from '../../../test/support/identified.ts';
import { CLIENT_EXAMPLES } from './clients.examples.ts';
import { CLIENT_ROWS, mendOf } from './clients.ts';

describe('clients that are known without configuration', () => {
  it('are at least ten, each with a wire', () => {
    expect(Object.keys(CLIENT_EXAMPLES).sort()).toEqual(CLIENT_ROWS.map((row) => row.client).sort());
    expect(CLIENT_ROWS.length).toBeGreaterThanOrEqual(10);
  });

  it.each(Object.entries(CLIENT_EXAMPLES))('%s', (client, { headers, body, agent, session }) => {
    const identity = new Caller().call(body, undefined, headers);
    expect(identity.client?.value).toBe(client);
    expect([identity.agent.value, identity.label]).toContain(agent);
    expect(identity.agent.confidence).toBeGreaterThanOrEqual(0.9);
    expect(identity.session.source).toMatch({ header: /^header:/, body: /^body:/, conversation: /^opener$/ }[session]);
    expect(identity.dropped).toEqual([]);
  });

  it('that have two user agents for one agent are one client, one session and one agent', () => {
    const caller = new Caller();
    const { body } = CLIENT_EXAMPLES['ai-sdk'];
    const first = caller.call(body, { text: 'a sum', toolCalls: [] }, { 'user-agent': 'ai/6.0.326 ai-sdk/provider-utils/4.0.20 runtime/node.js/v20' });
    const messages = [...(body.messages as unknown[]), { role: 'assistant', content: 'a sum' }, { role: 'user', content: 'and more' }];
    const second = caller.call({ ...body, messages }, undefined, { 'user-agent': 'ai-sdk/openai-compatible/2.0.30 ai-sdk/provider-utils/4.0.20' });
    expect([first.client?.value, second.client?.value]).toEqual(['ai-sdk', 'ai-sdk']);
    expect([second.session.value, second.agent.value]).toEqual([first.session.value, first.agent.value]);
  });

  it('knows nothing of a client that shows nothing, and names our headers as the mend', () => {
    expect(new Caller().call({ messages: [{ role: 'user', content: 'hi' }] }, undefined, { 'user-agent': 'curl/8' }).client).toBeUndefined();
    expect(mendOf(undefined)).toContain('x-entresol-agent');
  });
});
