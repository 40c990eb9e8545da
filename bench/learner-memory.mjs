/**
 * What the learner and cache-sage keep: of live sessions, as heap after many less heap before, and in all after a million
 * sessions by ten thousand agents.
 *
 * Without the optimising compiler, for what it compiles on the way lies in the heap that is measured.
 *
 *   npm run build && node --expose-gc --no-opt bench/learner-memory.mjs [--live 4000] [--sessions 1000000] [--agents 10000] [--json]
 */
import { parseArgs } from 'node:util';
import { createLearnerSource } from '../dist/index.mjs';
import { heapBytes } from './heap.mjs';

const { values } = parseArgs({ options: { live: { type: 'string', default: '4000' }, sessions: { type: 'string', default: '1000000' }, agents: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false } } });
const agents = Number(values.agents);
const learner = createLearnerSource().of('local', 'bench');
const names = Array.from({ length: agents }, (_, agent) => `agent-${agent}`);
let atMs = 0;
function play(session, agent) {
  const by = { tenant: 'local', workload: 'bench', session, agent: names[agent], instance: names[agent], step: 0 };
  atMs += 100;
  learner.observe({ type: 'request-arrive', atMs, by, request: `${session}/0`, model: 'm', promptTokens: 1000, warmup: false });
  learner.observe({ type: 'request-end', atMs, by, request: `${session}/0`, status: 'ok', promptTokens: 1000, cachedTokens: 0, outputTokens: 100, stop: 'stop', tools: ['read'], warmup: false });
}
// The names of sessions are the client's: they are made beforehand and not counted.
const live = Number(values.live);
const ids = Array.from({ length: live }, (_, session) => `live-${session}`);
for (let session = 0; session < 40; session++) play(ids[session], session % 24);
heapBytes(); // The first look takes some memory itself.
const before = heapBytes();
for (let session = 40; session < live; session++) play(ids[session], session % 24);
const bytesPerLiveSession = Math.round((heapBytes() - before) / (live - 40));
const sessions = Number(values.sessions);
const sizes = [];
for (let session = 0; session < sessions; session++) {
  play(`session-${session}`, session % agents);
  if (session === Math.floor(sessions / 100)) sizes.push({ sessions: session, learnedBytes: learner.learnedBytes(), heapBytes: heapBytes() });
}
sizes.push({ sessions, learnedBytes: learner.learnedBytes(), heapBytes: heapBytes() });
console.error(`${bytesPerLiveSession} bytes per live session in the learner, of ${live}`);
for (const size of sizes) console.error(`after ${size.sessions} sessions by ${agents} agents: ${size.learnedBytes} bytes learned, heap ${(size.heapBytes / 2 ** 20).toFixed(1)} MiB`);
if (values.json) console.log(JSON.stringify({ bytesPerLiveSession, sizes }));
