import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../test/support/hash.ts';
import { knownConversations, type SpokenCall } from './conversations.ts';
import { evaluateRoles } from './evaluate.ts';

describe('roles by inference alone', () => {
  it('are told apart with precision and recall of 95 % and no collision, in every application', async () => {
    for (const figures of evaluateRoles(await knownConversations(12), testHashing)) {
      expect(figures, figures.application).toMatchObject({ collisions: 0 });
      expect(figures.precision, figures.application).toBeGreaterThanOrEqual(0.95);
      expect(figures.recall, figures.application).toBeGreaterThanOrEqual(0.95);
    }
  });

  it('are measured by what is wrong: one agent for two roles, two agents for one', () => {
    const call = (role: string, system: string): SpokenCall => ({ application: 'a', role, session: 's', body: { messages: [{ role: 'system', content: system }, { role: 'user', content: 'x' }] }, answer: { text: '', toolCalls: [] } });
    const [merged] = evaluateRoles([call('one', 'You are it.'), call('two', 'You are it.')], testHashing);
    expect(merged).toMatchObject({ precision: 0, collisions: 1, agents: 1, roles: 2 });
    const [split] = evaluateRoles([call('one', 'You are it.'), call('one', 'You are that.'), call('one', 'You are that.')], testHashing);
    expect(split).toMatchObject({ precision: 1, collisions: 0, agents: 2, recall: 1 / 3 });
  });
});
