/**
 * How long leases for a large cache hold up the event loop, and how large the messages are: cache-sage over a mirror of so
 * many blocks, every lease new, and then after more calls.
 *
 *   node bench/vllm-leases.mjs [--blocks 100000] [--session-blocks 80] [--rounds 20] [--json] [--assert]
 */
import { Packr } from 'msgpackr';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { blocks: { type: 'string', default: '100000' }, 'session-blocks': { type: 'string', default: '80' }, rounds: { type: 'string', default: '20' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { LOCAL_TENANT, agentId, defaultParameters, instanceId, requestId, seededRandom, sessionId, workloadId } = await jiti.import('../src/core/index.ts');
const { createLearnerSource } = await jiti.import('../src/learner/index.ts');
const { cacheSage } = await jiti.import('../src/policies/cache-sage/policy.ts');
const { LeasePublisher } = await jiti.import('../src/engines/vllm/leases.ts');
const { Mirror } = await jiti.import('../src/engines/vllm/mirror/mirror.ts');
const { UnitIds } = await jiti.import('../src/engines/vllm/mirror/unit-ids.ts');

const BLOCKS = Number(values.blocks);
const SESSION_BLOCKS = Number(values['session-blocks']);
const TURN_BLOCKS = 8;
/** As the link to vLLM has it. */
const TURN_MS = 2;
/** The loop is not to be held up longer, in the median: the first time is slower, as all code is. */
const BAR_MS = 10;

const random = seededRandom(1);
const learners = createLearnerSource();
let nowMs = 0;
const instance = cacheSage.create({ tenant: LOCAL_TENANT, clock: { nowMs: () => nowMs }, random, learners, parameters: defaultParameters(cacheSage.parameters), cache: { capacityBlocks: BLOCKS, blockTokens: 16 } });
const index = instance.score.retention;
const nothing = () => undefined;
const mirror = new Mirror({ ids: new UnitIds(), index: () => index, nowMs: () => nowMs, marginalPrefillMs: () => 1, onStored: nothing, onRemoved: nothing, trouble: nothing });
const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true });
const sent = { messages: 0, keys: 0, largestBytes: 0 };
const leases = new LeasePublisher({
  mirror, nowMs: () => nowMs, index: () => index, maximum: () => 8 * BLOCKS,
  send: (_rank, message) => {
    sent.messages += 1;
    sent.keys += message.runs.reduce((sum, [keys]) => sum + keys.length / 8, 0);
    sent.largestBytes = Math.max(sent.largestBytes, packr.pack(message).length);
    return true;
  },
});

const packed = (keys) => { const bytes = Buffer.alloc(8 * keys.length); keys.forEach((key, at) => bytes.writeBigUInt64BE(key, 8 * at)); return bytes; };
let nextKey = 1n;
const sessions = Array.from({ length: Math.ceil(BLOCKS / SESSION_BLOCKS) }, (_, number) => ({ keys: [], by: { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(`s${number}`), agent: agentId(`a${number % 6}`), instance: instanceId(`a${number % 6}`), step: 0 } }));
let calls = 0;

function call(session) {
  nowMs += 20 + 20 * random();
  const { by, keys } = session;
  const first = keys.length;
  for (let block = 0; block < TURN_BLOCKS; block++) keys.push(nextKey++);
  mirror.apply(0, keys.slice(first).map((key, at) => ({ type: 'stored', hashes: [key], parent: first + at === 0 ? undefined : keys[first + at - 1], group: 0, kind: 'full_attention', medium: 'device', blockTokens: 16, tokens: [], extraKeys: [], session: undefined })));
  const request = requestId(`r${calls++}`);
  const learner = learners.of(by.tenant, by.workload);
  learner.observe({ type: 'request-arrive', atMs: nowMs, by, request, model: 'm', promptTokens: 16 * keys.length, warmup: false });
  mirror.use({ rank: 0, by, keys: packed(keys), first: 0, origin: 'prompt' });
  learner.observe({ type: 'request-end', atMs: nowMs, by, request, status: 'ok', promptTokens: 16 * keys.length, cachedTokens: 0, outputTokens: 32, stop: 'tool_calls', tools: ['search'], warmup: false });
}

for (let turn = 0; turn < SESSION_BLOCKS / TURN_BLOCKS; turn++) for (const session of sessions) call(session);

/** The longest that anything else would have had to wait. */
async function watched(work) {
  let longestMs = 0;
  let watching = true;
  let lastMs = performance.now();
  const look = () => {
    const atMs = performance.now();
    longestMs = Math.max(longestMs, atMs - lastMs);
    lastMs = atMs;
    if (watching) setImmediate(look);
  };
  look();
  await work();
  await new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });
  watching = false;
  return longestMs;
}

async function flush() {
  const before = sent.keys;
  let tookMs = 0;
  const stallMs = await watched(async () => {
    const began = performance.now();
    let turnMs = began;
    for (const parts = leases.flush([LOCAL_TENANT]); parts.next().done !== true;) {
      if (performance.now() - turnMs < TURN_MS) continue;
      await new Promise((resolve) => { setImmediate(resolve); });
      turnMs = performance.now();
    }
    tookMs = performance.now() - began;
  });
  return { tookMs, stallMs, keys: sent.keys - before };
}

const rows = [await flush()];
for (let round = 1; round < Number(values.rounds); round++) {
  for (let more = 0; more < 20; more++) {
    const session = sessions[Math.floor(random() * sessions.length)];
    if (session.keys.length < 2 * SESSION_BLOCKS) call(session);
  }
  rows.push(await flush());
}
const [all, ...later] = rows;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const laterMedian = { tookMs: median(later.map((row) => row.tookMs)), stallMs: median(later.map((row) => row.stallMs)), keys: median(later.map((row) => row.keys)) };
const document = { residentBlocks: mirror.residentBlocks, sessions: sessions.length, first: all, laterMedian, longestStallMs: Math.max(...rows.map((row) => row.stallMs)), largestMessageBytes: sent.largestBytes, messages: sent.messages, bar: BAR_MS, met: laterMedian.stallMs <= BAR_MS && sent.largestBytes <= 1024 * 1024 };
if (values.json) process.stdout.write(`${JSON.stringify(document)}\n`);
else {
  const words = ({ tookMs, stallMs: stall, keys }) => `${keys} leases in ${tookMs.toFixed(1)} ms, the loop held up for ${stall.toFixed(1)} ms`;
  process.stdout.write(`${document.residentBlocks} blocks of ${document.sessions} sessions\nfirst: ${words(all)}\nafter more calls, median: ${words(document.laterMedian)}\nlongest: ${document.longestStallMs.toFixed(1)} ms; ${sent.messages} messages, the largest of ${sent.largestBytes} bytes\n${document.met ? 'met' : 'MISSED'}: at most ${BAR_MS} ms, messages of at most 1 MiB\n`);
}
if (values.assert && !document.met) process.exitCode = 1;
