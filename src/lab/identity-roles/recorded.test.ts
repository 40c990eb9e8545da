import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../test/support/hash.ts';
import { CLIENT_EXAMPLES } from '../../core/identity/clients.examples.ts';
import { seededRandom } from '../../core/index.ts';
import { evaluateRoles } from './evaluate.ts';
import { perturbed } from './perturb.ts';
import { firstRequests, replayed, replayedTogether } from './recorded.ts';
import { allRecordings, readRecording, recordingText, type RecordedCall } from './recordings.ts';

const recordings = allRecordings();
const SEEDS = [1, 2, 3];

describe('roles of real clients by inference alone, as they were recorded', () => {
  it.each(recordings)('are told apart with precision and recall of 95 % and no collision: $client', (recording) => {
    for (const seed of SEEDS) {
      const [figures] = evaluateRoles(replayed(recording, 8, seed), testHashing);
      expect(figures).toMatchObject({ collisions: 0, roles: Object.keys(recording.conversations).length === 1 ? 2 : 8 });
      expect(figures.precision).toBeGreaterThanOrEqual(0.95);
      expect(figures.recall).toBeGreaterThanOrEqual(0.95);
    }
  });

  it('are told apart with all clients at once', () => {
    const [figures] = evaluateRoles(replayedTogether(recordings, 4, 1), testHashing);
    expect(figures.collisions).toBe(0);
    expect(figures.precision).toBeGreaterThanOrEqual(0.95);
    expect(figures.recall).toBeGreaterThanOrEqual(0.95);
  });
});

it('roles of harnesses are told apart by their first requests', () => {
  const [figures] = evaluateRoles(firstRequests(CLIENT_EXAMPLES, 8, 1), testHashing);
  expect(figures).toMatchObject({ collisions: 0, calls: 8 * Object.keys(CLIENT_EXAMPLES).length });
  expect(figures.precision).toBeGreaterThanOrEqual(0.95);
  expect(figures.recall).toBeGreaterThanOrEqual(0.95);
});

describe('a recording', () => {
  it('comes back from its file as it was', () => {
    for (const recording of recordings) expect(readRecording(recordingText(recording))).toEqual(recording);
  });

  it('has other dates, ids, paths and words for every user, the same ones throughout a session', () => {
    const call = (content: string, id: string, given: string): RecordedCall => ({
      role: 'planner', body: { model: 'm', messages: [{ role: 'system', content: 'You are the planner. Today is Sunday, November 22, 2026, 2026-11-22; in /home/ann/desk, 5b0c9d1e-6f27-4a38-9c41-d7e2a0b8f613.' }, { role: 'user', content }], tools: [{ type: 'function', function: { name: 'lookup' } }] },
      answer: { text: '', toolCalls: [{ id, name: 'lookup', arguments: given }] },
    });
    const calls = [call('plan the journey', 'call_0123456789ab0', '{"topic":"trains of journey"}'), call('plan the journey', 'call_0123456789ab0', '{"topic":"trains\\nof journey"}')];
    const [one, next] = perturbed(calls, seededRandom(1), seededRandom(1)).map((other) => JSON.stringify(other));
    for (const old of ['November 22', '2026-11-22', '/home/ann', '5b0c9d1e', '0123456789ab0', 'journey', 'trains']) expect(one).not.toContain(old);
    for (const kept of ['You are the planner. Today is ', '"name":"lookup"', '{\\"topic\\":\\"', '"role":"user"']) expect(one).toContain(kept);
    expect(next.replace('\\\\n', ' ')).toBe(one);
    const [other] = perturbed(calls, seededRandom(2), seededRandom(1)).map(({ body }) => body.messages as { content: string }[]);
    expect(other[1].content).toBe((JSON.parse(one) as { body: { messages: { content: string }[] } }).body.messages[1].content);
    expect(JSON.stringify(other)).not.toBe(JSON.stringify((JSON.parse(one) as RecordedCall).body.messages));
  });
});
