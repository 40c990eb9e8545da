/**
 * What identity costs: reading a request's body and saying who calls, from bytes and headers to the answer, beside a bare
 * JSON.parse of the same body. One process, all kinds in turn within each round (A/B interleaved), so that a busy machine
 * is busy for all of them.
 *
 *   node bench/identity.mjs [--rounds 60] [--json] [--assert]
 *
 * cold: nothing was seen before · agent: a new session of an agent whose tools and system prompt are known · turn: the session's
 * previous body is known, two messages are new · parse: JSON.parse of that body. With --assert: exit 1 unless the median of a
 * known agent at 64 KB is at most 100 µs and that of a known turn at 600 KB at most 250 µs.
 */
import createXxhash from 'xxhash-wasm';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const BARS_US = { '64 agent': 100, '64 turn': 100, '600 turn': 250 };
const SIZES_KB = [64, 600, 4096];

const values = benchOptions(import.meta.url, { rounds: { type: 'string', default: '60' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { IdentityState, OutlineReader, rememberRequest, resolveIdentity } = await jiti.import('../src/core/index.ts');
const { hashingOf } = await jiti.import('../src/gateway/hashing/hashing.ts');
const hashing = hashingOf(await createXxhash());

let seed = 1;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const WORDS = 'the file reads a value returns const import "quoted" path/to/module.ts expected 42 lines\n of output with some code {braces} and (more) text so on'.split(' ');
const prose = (bytes) => {
  let text = '';
  while (text.length < bytes) text += `${WORDS[Math.floor(random() * WORDS.length)]} `;
  return text;
};
const SYSTEM = `You are the coder of a team. ${prose(8000)}`;
const TOOLS = Array.from({ length: 20 }, (_, index) => ({
  type: 'function',
  function: { name: `tool_${index}`, description: prose(300), parameters: { type: 'object', properties: { path: { type: 'string', description: prose(60) }, limit: { type: 'integer' } }, required: ['path'] } },
}));

const step = () => {
  const id = `call_${Math.floor(random() * 1e12).toString(36)}`;
  return [
    { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'tool_1', arguments: JSON.stringify({ path: prose(20), text: prose(100) }) } }] },
    { role: 'tool', tool_call_id: id, content: prose(1800) },
  ];
};
const bytesOf = (messages) => Buffer.from(JSON.stringify({ model: 'model', messages, tools: TOOLS, stream: true, temperature: 0 }));
const FRAME_BYTES = bytesOf([{ role: 'system', content: SYSTEM }]).length;
function conversation(kilobytes) {
  const messages = [{ role: 'system', content: SYSTEM }, { role: 'user', content: prose(400) }];
  let bytes = FRAME_BYTES;
  while (bytes < kilobytes * 1024) {
    const next = step();
    bytes += JSON.stringify(next).length;
    messages.push(...next);
  }
  return messages;
}

const HEADERS = new Map(Object.entries({ host: '127.0.0.1:8080', 'user-agent': 'OpenAI/JS 6.49.0', 'content-type': 'application/json', accept: 'application/json', 'x-stainless-lang': 'js', 'x-stainless-retry-count': '0', authorization: 'Bearer x' }));
const tenant = () => ({ reader: new OutlineReader(hashing), state: new IdentityState() });
function identify({ reader, state }, body) {
  const input = { headers: HEADERS, outline: reader.read(body), state, hashing };
  const { identity, inference } = resolveIdentity(input);
  rememberRequest(input, identity, inference);
  return identity;
}
const microseconds = (work) => {
  const from = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - from) / 1000;
};

const rounds = Number(values.rounds);
const known = tenant();
// A server that has just started compiles its code first: not what is measured here.
for (let call = 0; call < 400; call++) {
  const messages = conversation(64);
  identify(known, bytesOf(messages));
  identify(known, bytesOf([...messages, ...step()]));
}
const samples = new Map();
const note = (kind, us) => samples.set(kind, [...(samples.get(kind) ?? []), us]);
for (let round = -10; round < rounds; round++) {
  for (const size of SIZES_KB) {
    if (size > 1000 && round % 4 !== 0) continue;
    const messages = conversation(size);
    const body = bytesOf(messages);
    const next = bytesOf([...messages, ...step()]);
    const fresh = tenant();
    const kinds = [
      ['cold', () => identify(fresh, body)],
      ['agent', () => identify(known, body)],
      ['turn', () => identify(known, next)],
      ['parse', () => JSON.parse(next.toString('utf8'))],
    ];
    for (const [kind, work] of kinds) {
      const us = microseconds(work);
      if (round >= 0) note(`${size} ${kind}`, us);
    }
  }
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const rows = [...samples].map(([kind, us]) => {
  const sorted = us.toSorted((a, b) => a - b);
  const [bodyKilobytes, known] = kind.split(' ');
  return { bodyKilobytes: Number(bodyKilobytes), kind: known, samples: us.length, us: { p10: quantile(sorted, 0.1), p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9) } };
});
const missed = rows.filter(({ bodyKilobytes, kind, us }) => us.p50 > (BARS_US[`${bodyKilobytes} ${kind}`] ?? Infinity));
for (const { bodyKilobytes, kind, us } of rows) console.error(`${String(bodyKilobytes).padStart(5)} KB ${kind.padEnd(6)} p10 ${us.p10.toFixed(0).padStart(6)}  p50 ${us.p50.toFixed(0).padStart(6)}  p90 ${us.p90.toFixed(0).padStart(6)} µs`);
for (const { bodyKilobytes, kind } of missed) console.error(`misses its bar of ${BARS_US[`${bodyKilobytes} ${kind}`]} µs: ${bodyKilobytes} KB ${kind}`);
if (values.json) console.log(JSON.stringify({ node: process.version, rows, missed: missed.map(({ bodyKilobytes, kind }) => `${bodyKilobytes} KB ${kind}`) }));
if (values.assert && missed.length > 0) process.exitCode = 1;
