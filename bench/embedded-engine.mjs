/**
 * What the embedded engine costs: start, prefill, decode, save and load, and the delay that it adds to the event loop
 * of the process that drives it. Prints one JSON document; progress on standard error.
 *
 *   npm run build && node bench/embedded-engine.mjs [--seconds 10] [--repeats 5]
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { seconds: { type: 'string', default: '10' }, repeats: { type: 'string', default: '5' } });
const seconds = Number(values.seconds);
const repeats = Number(values.repeats);
const jiti = createJiti(import.meta.url);
const { EmbeddedEngine } = await jiti.import('../src/engines/embedded/engine.ts');

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const round = (number, digits = 2) => Number(number.toFixed(digits));
const say = (line) => process.stderr.write(`${line}\n`);

const host = { clock: { nowMs: () => performance.now() }, emit: () => {}, order: () => undefined, retention: () => undefined, log: () => {} };
const tenant = 'local';
let serial = 0;

/** A call as the gateway makes it. */
function call(body, session) {
  const by = { tenant, workload: 'bench', session, agent: 'bench', instance: session, step: serial };
  const request = { id: `r${serial++}`, by, model: body.model, arrivedAtMs: performance.now(), promptTokens: 0, promptTokensExact: false, residentTokens: 0, tools: [], stream: true, final: false };
  return { request, dialect: 'chat', method: 'POST', path: '/v1/chat/completions', headers: [], body: Buffer.alloc(0), parsed: body, signal: new AbortController().signal };
}
const discard = { head: () => {}, write: () => {}, end: () => {}, destroy: () => {} };

async function measure(engine, operate) {
  const wall = [];
  const cpu = [];
  for (let index = 0; index < repeats; index++) {
    const cpuBefore = await engine.cpuMs();
    const startedMs = performance.now();
    await operate(index);
    wall.push(performance.now() - startedMs);
    cpu.push((await engine.cpuMs()) - cpuBefore);
  }
  return { ms: round(median(wall)), leastMs: round(Math.min(...wall)), cpuMs: round(median(cpu)) };
}

async function costs(engine) {
  const rows = [];
  const prompt = Int32Array.from({ length: 8000 }, (_, index) => 300 + ((index * 7919) % 9000));
  for (const tokens of [250, 500, 1000, 2000, 4000]) {
    const prefill = await measure(engine, async () => {
      await engine.trim(0, 0);
      await engine.prefill(0, prompt.subarray(0, tokens));
    });
    const states = [];
    const save = await measure(engine, async () => { states.push(await engine.save(0)); });
    const load = await measure(engine, async (index) => { await engine.load(1, states[index]); });
    const { bytes: stateBytes } = states[0];
    for (const state of states) await engine.drop(state);
    // As the engine saves for a tenant: taken apart into blocks that equal states share.
    const shared = [];
    const saveShared = await measure(engine, async () => { shared.push(await engine.save(0, 'bench')); });
    const loadShared = await measure(engine, async (index) => { await engine.load(1, shared[index]); });
    for (const state of shared) await engine.drop(state);
    const decode = await measure(engine, async () => {
      await engine.trim(0, tokens);
      await engine.generate(0, prompt.subarray(0, 1), { maxTokens: 16, temperature: 0, onToken: () => {} });
    });
    rows.push({ tokens, prefill, save, load, saveShared, loadShared, stateBytes, decodeMsPerToken: round(decode.ms / 16), decodeCpuMsPerToken: round(decode.cpuMs / 16) });
    say(`${tokens} tokens: prefill ${prefill.ms} ms, save ${save.ms} ms, load ${load.ms} ms, shared ${saveShared.ms} and ${loadShared.ms} ms, decode ${rows.at(-1).decodeMsPerToken} ms a token`);
  }
  for (const sequence of [0, 1]) await engine.trim(sequence, 0);
  return rows;
}

async function loopDelay(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const calls = await work(performance.now() + seconds * 1000);
  delay.disable();
  return { p50Ms: round(delay.percentile(50) / 1e6), p99Ms: round(delay.percentile(99) / 1e6), p999Ms: round(delay.percentile(99.9) / 1e6), maxMs: round(delay.max / 1e6), calls };
}

const engine = new EmbeddedEngine();
const startedMs = performance.now();
await engine.start(host);
const startMs = round(performance.now() - startedMs, 0);
const [model] = engine.models();
say(`${model.id}${model.synthetic ? ' (synthetic)' : ''} started in ${startMs} ms`);
const { tokenEngine } = engine.parts.model;
const rows = await costs(tokenEngine);

const system = { role: 'system', content: 'You are a careful planner. Read the task, and decide which files must be changed, in which order, and why. '.repeat(40) };
const idle = await loopDelay(async () => { await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); }); return 0; });
const busy = await loopDelay(async (untilMs) => {
  let calls = 0;
  await Promise.all(Array.from({ length: 6 }, async (_, client) => {
    const messages = [system, { role: 'user', content: `Task ${client}. ${'Think about it again. '.repeat(20)}` }];
    while (performance.now() < untilMs) {
      await engine.handle(call({ model: model.id, messages: [...messages], max_tokens: 32, stream: true }, `s${client}`), discard);
      messages.push({ role: 'user', content: `Step ${calls++}: ${'and then? '.repeat(60)}` });
      if (messages.length > 12) messages.length = 2;
    }
  }));
  return calls;
});
say(`event loop p99.9: ${idle.p999Ms} ms idle, ${busy.p999Ms} ms with ${busy.calls} calls`);
await engine.stop(0);
console.log(JSON.stringify({ engine: { kind: engine.kind, synthetic: model.synthetic, model: model.id, contextTokens: model.contextTokens, bytesPerToken: tokenEngine.bytesPerToken }, startMs, rows, eventLoop: { idle, busy, addedP999Ms: round(busy.p999Ms - idle.p999Ms) } }));
