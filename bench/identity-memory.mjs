/**
 * What identity keeps of a live session: heap after so many sessions of several turns (tool calls, answers, bodies long
 * enough for checkpoints), less the heap before, per session.
 *
 *   node --expose-gc bench/identity-memory.mjs [--sessions 4000] [--turns 6] [--json] [--assert]
 *
 * With --assert: exit 1 above 4096 bytes a session.
 */
import createXxhash from 'xxhash-wasm';
import { createJiti } from 'jiti';
import { heapBytes } from './heap.mjs';
import { benchOptions } from './options.mjs';

const BAR_BYTES = 4096;
const values = benchOptions(import.meta.url, { sessions: { type: 'string', default: '4000' }, turns: { type: 'string', default: '6' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { IdentityState, OutlineReader, rememberAnswer, rememberRequest, resolveIdentity } = await jiti.import('../src/core/index.ts');
const { hashingOf } = await jiti.import('../src/gateway/hashing/hashing.ts');
const hashing = hashingOf(await createXxhash());
const state = new IdentityState();
const reader = new OutlineReader(hashing);

const FILLER = 'a line of a file that was read\n'.repeat(1200);
const SYSTEM = { role: 'system', content: `You are the coder. ${'Work with care. '.repeat(200)}` };
const tools = ['read', 'write', 'task'].map((name) => ({ type: 'function', function: { name } }));
function play(session, turns) {
  const messages = [SYSTEM, { role: 'user', content: `Session ${session}: mend what is broken in this file\n${FILLER}` }];
  for (let turn = 0; turn < turns; turn++) {
    const input = { headers: new Map(), outline: reader.read(Buffer.from(JSON.stringify({ model: 'model', messages, tools }))), state, hashing };
    const { identity, inference } = resolveIdentity(input);
    rememberRequest(input, identity, inference);
    const call = { id: `call_${session}_${turn}_abcdef`, name: 'read', arguments: JSON.stringify({ path: `src/file-${turn}.ts`, why: `because session ${session} wants to see turn ${turn}` }) };
    rememberAnswer(input, identity, inference, { text: `I read on, in session ${session}, turn ${turn}.`, toolCalls: [call] });
    messages.push({ role: 'assistant', content: `I read on, in session ${session}, turn ${turn}.`, tool_calls: [{ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } }] }, { role: 'tool', tool_call_id: call.id, content: `part ${turn}` });
  }
}
const turns = Number(values.turns);
const sessions = Number(values.sessions);
for (let session = 0; session < 50; session++) play(`warm ${session}`, turns);
const before = heapBytes();
for (let session = 0; session < sessions; session++) play(session, turns);
const bytesPerSession = Math.round((heapBytes() - before) / sessions);
const result = { sessions, turns, bytesPerSession, checkpoints: reader.checkpoints.size, keys: state.size.keys };
console.error(`${bytesPerSession} bytes a session (${sessions} sessions of ${turns} turns, ${result.checkpoints} checkpoints, ${result.keys} keys)`);
if (values.json) console.log(JSON.stringify(result));
if (values.assert && bytesPerSession > BAR_BYTES) process.exitCode = 1;
