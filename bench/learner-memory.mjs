/**
 * What the learner and cache-sage keep: of live sessions, as heap after many less heap before, and in all after a million
 * sessions by ten thousand agents.
 *
 * All sessions of the policy use one group of blocks, whose users are bounded: what is counted is what a session takes beside its groups.
 * Without the optimising compiler, for what it compiles on the way lies in the heap that is measured.
 *
 *   npm run build && node --expose-gc --no-opt bench/learner-memory.mjs [--live 4000] [--sessions 1000000] [--agents 10000] [--json]
 */
import { POLICIES, createLearnerSource } from '../dist/index.mjs';
import { heapBytes } from './heap.mjs';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { live: { type: 'string', default: '4000' }, sessions: { type: 'string', default: '1000000' }, agents: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false } });
const agents = Number(values.agents);
const names = Array.from({ length: agents }, (_, agent) => `agent-${agent}`);
let atMs = 0;
/** @param afterMs the call before it */
function play(learner, index, session, agent, afterMs = 100) {
  const by = { tenant: 'local', workload: 'bench', session, agent: names[agent], instance: names[agent], step: 0 };
  atMs += afterMs;
  learner.observe({ type: 'request-arrive', atMs, by, request: `${session}/0`, model: 'm', promptTokens: 1000, warmup: false });
  index?.touch({ by, units: UNITS.subarray(0, 2), first: 0, origin: 'prompt' }, atMs);
  learner.observe({ type: 'request-end', atMs, by, request: `${session}/0`, status: 'ok', promptTokens: 1000, cachedTokens: 0, outputTokens: 100, stop: 'stop', tools: ['read'], warmup: false });
  index?.touch({ by, units: UNITS, first: 2, origin: 'output' }, atMs);
}
const UNITS = Int32Array.of(0, 1, 2);
function indexOf(learners) {
  const policy = POLICIES.find(({ name }) => name === 'cache-sage');
  const parameters = Object.fromEntries(Object.entries(policy.parameters).map(([name, parameter]) => [name, parameter.default]));
  const { score } = policy.create({ tenant: 'local', clock: { nowMs: () => atMs }, random: Math.random, learners, parameters, cache: { capacityBlocks: 1e6, blockTokens: 16 } });
  for (const id of UNITS) score.retention.define({ id, ...(id > 0 ? { parent: id - 1 } : {}), sizeBlocks: 1, marginalPrefillMs: 1 });
  return score.retention;
}
// The names of sessions are the client's: they are made beforehand and not counted.
const live = Number(values.live);
const ids = Array.from({ length: live }, (_, session) => `live-${session}`);
heapBytes(); // The first look takes some memory itself.
/** With a policy's index or without it. */
function bytesPerSession(withPolicy) {
  const learners = createLearnerSource();
  const learner = learners.of('local', 'bench');
  const index = withPolicy ? indexOf(learners) : undefined;
  // One after the other so soon that none has been silent for long.
  for (let session = 0; session < 80; session++) play(learner, index, ids[session], session % 24, 1);
  const before = heapBytes();
  for (let session = 80; session < live; session++) play(learner, index, ids[session], session % 24, 1);
  const bytes = Math.round((heapBytes() - before) / (live - 80));
  return { bytes, learner };
}
const { bytes: bytesPerLiveSession, learner } = bytesPerSession(false);
const { bytes: bytesWithPolicy } = bytesPerSession(true);
const sessions = Number(values.sessions);
const sizes = [];
for (let session = 0; session < sessions; session++) {
  play(learner, undefined, `session-${session}`, session % agents);
  if (session === Math.floor(sessions / 100)) sizes.push({ sessions: session, learnedBytes: learner.learnedBytes(), heapBytes: heapBytes() });
}
sizes.push({ sessions, learnedBytes: learner.learnedBytes(), heapBytes: heapBytes() });
console.error(`${bytesPerLiveSession} bytes per live session in the learner, of ${live}; ${bytesWithPolicy} in learner and cache-sage together, beside its groups`);
for (const size of sizes) console.error(`after ${size.sessions} sessions by ${agents} agents: ${size.learnedBytes} bytes learned, heap ${(size.heapBytes / 2 ** 20).toFixed(1)} MiB`);
if (values.json) console.log(JSON.stringify({ bytesPerLiveSession, bytesWithPolicy, sizes }));
