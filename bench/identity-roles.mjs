/**
 * How well roles are told apart by inference alone: no header says anything, dates, ids, paths and counters differ in every session.
 *
 *   node bench/identity-roles.mjs [--sessions 40] [--seed 1] [--json] [--assert]
 *
 * The conversations: the six-agent application played by its own code; hand-offs, sub-agents and agents of one template
 * written after captured wires (src/lab/identity-roles/conversations.ts). They are no recordings of users. With --assert:
 * exit 1 unless precision and recall are at least 0.95 everywhere and no agent stands for two roles.
 */
import createXxhash from 'xxhash-wasm';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { sessions: { type: 'string', default: '40' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { knownConversations } = await jiti.import('../src/lab/identity-roles/conversations.ts');
const { evaluateRoles } = await jiti.import('../src/lab/identity-roles/evaluate.ts');
const { hashingOf } = await jiti.import('../src/gateway/hashing/hashing.ts');

const rows = evaluateRoles(await knownConversations(Number(values.sessions), Number(values.seed)), hashingOf(await createXxhash()));
const percent = (share) => `${(100 * share).toFixed(1)} %`.padStart(8);
for (const row of rows) console.error(`${row.application.padEnd(13)} ${String(row.calls).padStart(5)} calls  ${row.roles} roles  ${row.agents} agents  precision ${percent(row.precision)}  recall ${percent(row.recall)}  collisions ${row.collisions}  same session ${percent(row.sessionRecall)}`);
if (values.json) console.log(JSON.stringify({ rows }));
if (values.assert && rows.some(({ precision, recall, collisions }) => precision < 0.95 || recall < 0.95 || collisions > 0)) process.exitCode = 1;
