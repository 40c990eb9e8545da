import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, post, setUp } from '../../test/support/gateway-setup.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { TOLD_DURATIONS, toldDurations } from './told-durations.ts';

afterEach(closeAll);

describe('how long a harness says that its tools took', () => {
  it('is read as Claude Code writes it, and whatever else comes is left out', () => {
    expect(toldDurations('Bash=742;Read=9;mcp__a%3Bb=12.5')).toEqual([{ name: 'Bash', durationMs: 742 }, { name: 'Read', durationMs: 9 }, { name: 'mcp__a;b', durationMs: 12.5 }]);
    for (const broken of ['', 'Bash', 'Bash=', '=1', 'Bash=-1', 'Bash=1e9', 'Bash=NaN', '%E0%A4=1', `${'x'.repeat(5000)}=1`]) expect([broken, toldDurations(broken)]).toEqual([broken, []]);
    expect(toldDurations(Array.from({ length: 40 }, (_, index) => `t${index}=1`).join(';'))).toHaveLength(32);
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => {
      for (const { name, durationMs } of toldDurations(text)) expect(name !== '' && durationMs >= 0 && Number.isFinite(durationMs)).toBe(true);
    }));
  });

  it('is learned of the session whose call says it', async () => {
    const { server, events } = await setUp(speak('x'));
    // As recorded: test/clients/harness-wires.test.ts.
    const call = (told: string, messages: readonly object[]): Promise<Response> => post(`${server.url}/v1/chat/completions`, JSON.stringify({ model: 'm', messages }), {
      'user-agent': 'claude-cli/2.1.290 (external, cli)', 'x-claude-code-session-id': '0a1b2c3d-1111-4222-8333-444455556666', 'x-claude-code-agent-id': 'agent-7f3e', [TOLD_DURATIONS]: told,
    });
    const first = { role: 'user', content: 'Find the retention index.' };
    await (await call('Bash=1', [first])).text();
    expect(eventsOf(events, 'tool-end')).toEqual([]);
    await (await call('Bash=742;Read=9;nonsense', [first, { role: 'assistant', content: 'I look.' }, { role: 'user', content: 'Go on.' }])).text();
    const by = { session: '0a1b2c3d-1111-4222-8333-444455556666', instance: 'agent-7f3e' };
    expect(eventsOf(events, 'tool-end')).toMatchObject([{ name: 'Bash', durationMs: 742, by }, { name: 'Read', durationMs: 9, by }]);
    const types = events.map(({ type }) => type);
    expect(types.indexOf('tool-end')).toBeLessThan(types.lastIndexOf('request-arrive'));
  });
});
