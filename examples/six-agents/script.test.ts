import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { rehearse } from './rehearsal.ts';
import { ROLE_NAMES, anchorText, type RoleName } from './roles.ts';
import { LEAST_STEPS, MOST_STEPS, writeScript } from './script.ts';
import { DocumentLibrary } from './tools/document-library.ts';
import { TASK_KINDS } from './task-kinds.ts';
import { transitionEntropy } from './transitions.ts';

const scripts = Array.from({ length: 600 }, (_, session) => writeScript(1, session, ['a.md', 'b.md']));
const agentsOf = (kind?: string): RoleName[][] => scripts.filter((script) => kind === undefined || script.kind === kind).map((script) => script.steps.map((step) => step.agent));

const shareOf = (kind: string, from: RoleName, to: RoleName): number => {
  const pairs = agentsOf(kind).flatMap((agents) => agents.slice(1).map((agent, index) => [agents[index], agent]));
  const leaving = pairs.filter(([current]) => current === from);
  return leaving.filter(([, next]) => next === to).length / leaving.length;
};

describe('the scripted sessions', () => {
  it('are the same for the same seed and differ between seeds and sessions', () => {
    expect(writeScript(7, 3, ['a.md'])).toEqual(writeScript(7, 3, ['a.md']));
    expect(writeScript(7, 3, ['a.md'])).not.toEqual(writeScript(8, 3, ['a.md']));
    expect(writeScript(7, 3, ['a.md']).steps).not.toEqual(writeScript(7, 4, ['a.md']).steps);
  });

  it('have 8 to 20 steps, start with the planner, and let all six roles speak', () => {
    for (const script of scripts) {
      expect(script.steps.length).toBeGreaterThanOrEqual(LEAST_STEPS);
      expect(script.steps.length).toBeLessThanOrEqual(MOST_STEPS);
      expect(script.steps[0].agent).toBe('planner');
    }
    expect(new Set(agentsOf().flat())).toEqual(new Set(ROLE_NAMES));
  });

  it('let the entropy of the next agent fall by 40 to 48 % once the current one is known, repeats counted or not', () => {
    for (const repeats of [true, false]) {
      const { fall, next, nextGivenCurrent } = transitionEntropy(agentsOf(), repeats);
      expect(next).toBeGreaterThan(nextGivenCurrent);
      expect(fall).toBeGreaterThanOrEqual(0.4);
      expect(fall).toBeLessThanOrEqual(0.48);
    }
  });

  it('hand over differently by kind of task', () => {
    expect(shareOf('report', 'planner', 'researcher')).toBeGreaterThan(0.5);
    expect(shareOf('build', 'planner', 'researcher')).toBeLessThan(0.1);
    for (const kind of TASK_KINDS) {
      for (const row of Object.values(kind.handOver)) expect(Object.values(row).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    }
  });

  it('pause log-normally with the stated mean: skewed to the right, about one unit after a hand-over', () => {
    const pauses = scripts.flatMap((script) => script.steps.filter((step) => step.toolCall === undefined).map((step) => step.pauseUnits)).sort((a, b) => a - b);
    const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
    expect(mean).toBeGreaterThan(0.92);
    expect(mean).toBeLessThan(1.08);
    expect(pauses[pauses.length >> 1]).toBeLessThan(0.97 * mean);
  });

  it('have entropy figures that a coin and a certainty confirm', () => {
    expect(transitionEntropy([['a', 'b', 'a', 'b', 'a']], true).fall).toBeCloseTo(1, 9);
    expect(transitionEntropy([['a', 'a', 'b', 'a', 'b', 'b', 'a', 'a', 'b']], true).nextGivenCurrent).toBeGreaterThan(0.9);
  });
});

describe('the prompts', () => {
  it('consist to 34 to 52 % of each role\'s anchor, grow with the session, and stay within the context', async () => {
    const library = new DocumentLibrary(fileURLToPath(new URL('../../docs', import.meta.url)));
    const documents = await library.list();
    const totals = new Map<RoleName, { anchor: number; whole: number }>();
    for (let session = 0; session < 60; session++) {
      for (const request of await rehearse(writeScript(1, session, documents), library, 'model')) {
        const whole = request.messages.reduce((sum, message) => sum + JSON.stringify(message).length, JSON.stringify(request.role.tools).length);
        expect(whole).toBeLessThan(7_000);
        const total = totals.get(request.role.name) ?? { anchor: 0, whole: 0 };
        totals.set(request.role.name, { anchor: total.anchor + anchorText(request.role).length, whole: total.whole + whole });
      }
    }
    for (const [role, { anchor, whole }] of totals) {
      expect(anchor / whole, role).toBeGreaterThan(0.34);
      expect(anchor / whole, role).toBeLessThan(0.52);
    }
  });

  it('extend the agent\'s own earlier prompt: its history is private and only grows', async () => {
    const requests = await rehearse(writeScript(1, 5, []), new DocumentLibrary('/nonexistent'), 'model');
    const last = new Map<string, string>();
    let extended = 0;
    for (const request of requests) {
      const text = JSON.stringify(request.messages).slice(0, -1);
      const before = last.get(request.role.name);
      if (before !== undefined && text.startsWith(before)) extended++;
      last.set(request.role.name, text);
    }
    expect(extended).toBe(requests.length - last.size);
  });
});
