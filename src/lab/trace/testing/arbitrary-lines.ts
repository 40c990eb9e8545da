/** Random traces for property tests, as checked lines in file order. */
import * as fc from 'fast-check';
import { TraceBuilder } from '../trace-builder.ts';
import type { Trace } from '../trace.ts';
import type { Segment, TraceLine } from '../trace-line.ts';

/** Few hashes, each with a length of its own, so that prefixes are often shared and often part in the middle. */
const segment: fc.Arbitrary<Segment> = fc.integer({ min: 0, max: 7 }).map((index): Segment => [`h${index}`, 1 + ((index * 5) % 7)]);

interface CallShape {
  readonly agent: string;
  readonly baseStep: number;
  readonly baseShare: number;
  readonly segments: readonly Segment[];
  readonly out: readonly Segment[];
  readonly startMs: number | null;
  readonly durationMs: number | null;
}

const call: fc.Arbitrary<CallShape> = fc.record({
  agent: fc.constantFrom('planner', 'coder', 'tester'),
  baseStep: fc.integer({ min: -1, max: 6 }),
  baseShare: fc.double({ min: 0, max: 1, noNaN: true }),
  segments: fc.array(segment, { maxLength: 4 }),
  out: fc.array(segment, { maxLength: 2 }),
  startMs: fc.option(fc.integer({ min: 0, max: 60_000 })),
  durationMs: fc.option(fc.integer({ min: 0, max: 90_000 })),
});

const tokensOf = (segments: readonly Segment[]): number => segments.reduce((sum, [, tokens]) => sum + tokens, 0);

/** @param neverMultipleOf given: a segment of its own is added to prompts whose length it divides */
function sessionLines(session: string, shapes: readonly CallShape[], neverMultipleOf?: number): TraceLine[] {
  const prompts: Segment[][] = [];
  return shapes.map((shape, step) => {
    const baseStep = Math.min(shape.baseStep, step - 1);
    const base: TraceLine['base'] = baseStep < 0 ? null : [baseStep, Math.round(shape.baseShare * prompts[baseStep].length)];
    const shared = base === null ? [] : prompts[base[0]].slice(0, base[1]);
    const added = [...shape.segments];
    if (neverMultipleOf !== undefined && tokensOf([...shared, ...added]) % neverMultipleOf === 0) added.push([`end-${session}-${step}`, 1]);
    const prompt = [...shared, ...added];
    prompts.push(prompt);
    return {
      workload: 'random', session, step, agent: shape.agent, instance: shape.agent, stop: undefined,
      startMs: shape.startMs, durationMs: shape.durationMs,
      promptTokens: tokensOf(prompt), outputTokens: tokensOf(shape.out), base, segments: added, out: shape.out, tools: [],
    };
  });
}

export function arbitraryLines(neverMultipleOf?: number): fc.Arbitrary<TraceLine[]> {
  return fc.array(fc.array(call, { minLength: 1, maxLength: 7 }), { minLength: 1, maxLength: 6 })
    .map((sessions) => sessions.flatMap((shapes, index) => sessionLines(`s${index}`, shapes, neverMultipleOf)));
}

export function buildTrace(lines: readonly TraceLine[], blockTokens: number): Trace {
  const builder = new TraceBuilder('random', blockTokens);
  lines.forEach((line, index) => builder.add(line, { file: 'random', line: index + 1 }));
  return builder.finish();
}

/** The plain way: every call's blocks as the text of all tokens up to the block's end. */
export function plainChains(lines: readonly TraceLine[], blockTokens: number): { prompt: string[]; all: string[] }[] {
  const prompts = new Map<string, (readonly Segment[])[]>();
  return lines.map((line) => {
    const earlier = prompts.get(line.session) ?? [];
    const segments = [...(line.base === null ? [] : earlier[line.base[0]].slice(0, line.base[1])), ...line.segments];
    prompts.set(line.session, [...earlier, segments]);
    return { prompt: blockTexts(segments, blockTokens), all: blockTexts([...segments, ...line.out], blockTokens) };
  });
}

function blockTexts(segments: readonly Segment[], blockTokens: number): string[] {
  const tokens = segments.flatMap(([hash, count]) => Array.from({ length: count }, (_, index) => `${hash}.${index}`));
  return Array.from({ length: Math.floor(tokens.length / blockTokens) }, (_, index) => tokens.slice(0, (index + 1) * blockTokens).join(' '));
}
