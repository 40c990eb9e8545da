/**
 * What identity costs: reading a request's body and saying who calls, from bytes and headers to the answer, beside a bare
 * JSON.parse of the same bodies. One process; sizes and kinds in turn, slice by slice, so that a busy machine is busy for all of
 * them. Within a slice calls of one size follow each other, as they do in a gateway that has something to do; the first of each
 * slice, which finds other work's data in the processor's caches, is told by itself (`1st`).
 *
 *   node bench/identity.mjs [--rounds 60] [--warm 2500] [--json] [--assert]
 *
 * cold: nothing was seen before · agent: a new session of an agent whose tools and system prompt are known · turn: the session's
 * previous body is known, two messages are new · parse: JSON.parse of that body. With --assert: exit 1 unless the median of a
 * known agent at 64 KB is at most 100 µs and that of a known turn at 600 KB at most 250 µs.
 */
import createXxhash from 'xxhash-wasm';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'tsdown';
import { benchOptions } from './options.mjs';

const BARS_US = { '64 agent': 100, '64 turn': 100, '600 turn': 250 };
/** Sizes in KB, and how many conversations of each in a row. */
const SLICES = [[64, 16], [600, 6], [4096, 2]];

const values = benchOptions(import.meta.url, { rounds: { type: 'string', default: '60' }, warm: { type: 'string', default: '2500' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
// Bundled as it is shipped: a loader that rewrites each import to a look-up at run time makes small functions dear.
const built = mkdtempSync(join(tmpdir(), 'entresol-bench-identity-'));
await build({ config: false, entry: { core: 'src/core/index.ts', hashing: 'src/gateway/hashing/hashing.ts' }, outDir: built, format: 'esm', platform: 'node', target: 'node20', outExtensions: () => ({ js: '.mjs' }), dts: false, sourcemap: false, logLevel: 'error', cwd: new URL('..', import.meta.url).pathname });
const { IdentityState, OutlineReader, rememberRequest, resolveIdentity } = await import(pathToFileURL(join(built, 'core.mjs')).href);
const { hashingOf } = await import(pathToFileURL(join(built, 'hashing.mjs')).href);
rmSync(built, { recursive: true });
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
// V8 compiles what runs only after some thousand calls for good, and a gateway runs for months: 400 conversations were too few, costs fell by
// a third and more until about the two thousandth.
for (let call = 0; call < Number(values.warm); call++) {
  const messages = conversation(64);
  identify(known, bytesOf(messages));
  identify(known, bytesOf([...messages, ...step()]));
}
const samples = new Map();
const note = (kind, us) => {
  if (!samples.has(kind)) samples.set(kind, []);
  samples.get(kind).push(us);
};
for (let round = -4; round < rounds; round++) {
  for (const [size, calls] of SLICES) {
    if (size > 1000 && round % 4 !== 0) continue;
    // Made before anything is measured: what makes them leaves megabytes of garbage behind.
    const bodies = Array.from({ length: calls }, () => {
      const messages = conversation(size);
      return { body: bytesOf(messages), next: bytesOf([...messages, ...step()]) };
    });
    const measure = (kind, call, work) => {
      const us = microseconds(work);
      if (round >= 0) note(`${size} ${call === 0 ? `${kind} 1st` : kind}`, us);
    };
    bodies.forEach(({ body, next }, call) => {
      measure('agent', call, () => identify(known, body));
      measure('turn', call, () => identify(known, next));
    });
    bodies.forEach(({ next }, call) => measure('parse', call, () => JSON.parse(next.toString('utf8'))));
    const fresh = tenant();
    const [{ body }] = bodies;
    measure('cold', 1, () => identify(fresh, body));
  }
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const rows = [...samples].map(([kind, us]) => {
  const sorted = us.toSorted((a, b) => a - b);
  const space = kind.indexOf(' ');
  return { bodyKilobytes: Number(kind.slice(0, space)), kind: kind.slice(space + 1), samples: us.length, us: { p10: quantile(sorted, 0.1), p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9) } };
});
const missed = rows.filter(({ bodyKilobytes, kind, us }) => us.p50 > (BARS_US[`${bodyKilobytes} ${kind}`] ?? Infinity));
for (const { bodyKilobytes, kind, us } of rows) console.error(`${String(bodyKilobytes).padStart(5)} KB ${kind.padEnd(9)} p10 ${us.p10.toFixed(0).padStart(6)}  p50 ${us.p50.toFixed(0).padStart(6)}  p90 ${us.p90.toFixed(0).padStart(6)} µs`);
for (const { bodyKilobytes, kind } of missed) console.error(`misses its bar of ${BARS_US[`${bodyKilobytes} ${kind}`]} µs: ${bodyKilobytes} KB ${kind}`);
if (values.json) console.log(JSON.stringify({ node: process.version, rows, missed: missed.map(({ bodyKilobytes, kind }) => `${bodyKilobytes} KB ${kind}`) }));
if (values.assert && missed.length > 0) process.exitCode = 1;
