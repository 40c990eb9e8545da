import { describe, expect, it } from 'vitest';
import { EntresolError } from '../../core/index.ts';
import { formatTraceLine, parseTraceLine, type TraceLine } from '../trace/trace-line.ts';
import { UNSEEN_WORKLOADS, unseenLines } from './index.ts';

const linesOf = (name: string): TraceLine[] => [...unseenLines(name, 1)];
function sessionsOf(lines: readonly TraceLine[]): TraceLine[][] {
  const sessions = new Map<string, TraceLine[]>();
  for (const line of lines) sessions.set(line.session, [...(sessions.get(line.session) ?? []), line]);
  return [...sessions.values()];
}
const first = ({ segments }: TraceLine): string => segments[0][0];

describe('workloads that no given trace is like', () => {
  it.each(UNSEEN_WORKLOADS.map(({ name }) => name))('%s: the same for a seed, another for another, and lines that the reader takes', (name) => {
    const lines = linesOf(name);
    expect(linesOf(name)).toEqual(lines);
    expect([...unseenLines(name, 2)]).not.toEqual(lines);
    for (const line of lines.slice(0, 300)) expect(parseTraceLine(formatTraceLine(line), { file: name, line: 1 })).toEqual(line);
    for (const session of sessionsOf(lines)) {
      expect(session.map(({ step }) => step)).toEqual(session.map((_, step) => step));
      session.forEach(({ startMs }, step) => expect(startMs).toBeGreaterThanOrEqual(step === 0 ? 0 : session[step - 1].startMs ?? 0));
      expect(session.every(({ promptTokens, segments }) => promptTokens === segments.reduce((sum, [, tokens]) => sum + tokens, 0))).toBe(true);
    }
  });

  it('have the structures that they say', () => {
    const overlaps = (session: TraceLine[]): boolean => session.some(({ startMs }, step) => step > 0 && (startMs ?? 0) < (session[step - 1].startMs ?? 0) + (session[step - 1].durationMs ?? 0));
    expect(sessionsOf(linesOf('fan-out')).every(overlaps)).toBe(true);
    expect(sessionsOf(linesOf('deep-pipeline')).some(overlaps)).toBe(false);

    const invented = linesOf('invented-names');
    expect(sessionsOf(invented.filter(({ step }) => step === 0)).length).toBe(new Set(invented.filter(({ step }) => step === 0).map(({ agent }) => agent)).size);
    expect(new Set(invented.map(first)).size).toBe(5);

    const layered = linesOf('layered-prefixes').filter(({ agent }) => agent === 'assistant');
    for (const depth of [1, 2]) expect(new Set(layered.map(({ segments }) => segments[depth][0])).size).toBeLessThan(100);

    const pauses = sessionsOf(linesOf('interactive-coding')).flatMap((session) => session.slice(1).map(({ startMs }, step) => (startMs ?? 0) - (session[step].startMs ?? 0) - (session[step].durationMs ?? 0)));
    expect(pauses.filter((ms) => ms > 30_000).length / pauses.length).toBeGreaterThan(0.05);

    const drift = linesOf('drift');
    const anchors = (from: number, until: number): Set<string> => new Set(drift.slice(from, until).map(first));
    expect([...anchors(0, 200)].some((anchor) => anchors(drift.length - 200, drift.length).has(anchor))).toBe(false);
  });

  it('are asked for by name', () => {
    expect(() => [...unseenLines('another', 1)]).toThrow(EntresolError);
  });
});
