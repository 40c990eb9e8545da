/** How well inference alone tells roles apart, against a known truth: over all pairs of calls of one application. */
import { IdentityState, OutlineReader, rememberAnswer, rememberRequest, resolveIdentity, type Hashing } from '../../core/index.ts';
import type { SpokenCall } from './conversations.ts';

export interface RoleFigures {
  readonly application: string;
  readonly calls: number;
  readonly roles: number;
  readonly agents: number;
  /** Of the pairs of calls that got one agent: the share that is one role. */
  readonly precision: number;
  /** Of the pairs of calls that are one role: the share that got one agent. */
  readonly recall: number;
  /** Agents under which two roles were taken for one. */
  readonly collisions: number;
  /** Of the calls after the first of their session: the share that was put into that session; 1 where there are none. */
  readonly sessionRecall: number;
}

const pairs = (count: number): number => (count * (count - 1)) / 2;

function figuresOf(application: string, calls: readonly (SpokenCall & { readonly agent: string; readonly found: string })[]): RoleFigures {
  const byAgent = new Map<string, Map<string, number>>();
  const byRole = new Map<string, number>();
  const firstFound = new Map<string, string>();
  let later = 0;
  let kept = 0;
  for (const { role, agent, session, found } of calls) {
    const roles = byAgent.get(agent) ?? new Map<string, number>();
    byAgent.set(agent, roles.set(role, (roles.get(role) ?? 0) + 1));
    byRole.set(role, (byRole.get(role) ?? 0) + 1);
    const first = firstFound.get(session);
    if (first === undefined) firstFound.set(session, found);
    else {
      later += 1;
      if (first === found) kept += 1;
    }
  }
  const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + pairs(count), 0);
  const together = [...byAgent.values()].reduce((total, roles) => total + sum(roles.values()), 0);
  const predicted = [...byAgent.values()].reduce((total, roles) => total + pairs([...roles.values()].reduce((a, b) => a + b, 0)), 0);
  return {
    application, calls: calls.length, roles: byRole.size, agents: byAgent.size, precision: together / predicted, recall: together / sum(byRole.values()),
    collisions: [...byAgent.values()].filter((roles) => roles.size > 1).length, sessionRecall: later === 0 ? 1 : kept / later,
  };
}

/** Plays the calls through identity as the gateway would, without a header, and compares. */
export function evaluateRoles(spoken: readonly SpokenCall[], hashing: Hashing): RoleFigures[] {
  const state = new IdentityState();
  const reader = new OutlineReader(hashing);
  const told = spoken.map((call) => {
    const input = { headers: new Map<string, string>(), outline: reader.read(Buffer.from(JSON.stringify(call.body))), state, hashing };
    const { identity, inference } = resolveIdentity(input);
    rememberRequest(input, identity, inference);
    rememberAnswer(input, identity, inference, call.answer);
    return { ...call, agent: identity.agent.value as string, found: identity.session.value as string };
  });
  const applications = [...new Set(told.map(({ application }) => application))];
  // Over everything at once, two applications' roles under one agent are a collision too.
  const all = figuresOf('all', told.map((call) => ({ ...call, role: `${call.application}/${call.role}` })));
  return [...applications.map((application) => figuresOf(application, told.filter((call) => call.application === application))), all];
}
