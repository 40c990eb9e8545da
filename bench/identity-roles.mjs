/**
 * How well roles are told apart by inference alone: no header says anything, dates, ids, paths and counters differ in every session.
 *
 *   node bench/identity-roles.mjs [--sessions 40] [--seed 1] [--json] [--assert]
 *
 * Two kinds of conversations. Written ones: the six-agent application played by its own code; hand-offs, sub-agents and agents of one template
 * written after captured wires (src/lab/identity-roles/conversations.ts). Recorded ones: what real clients sent when they played two applications of two and
 * six agents (src/lab/identity-roles/recordings, which the tests of test/clients compare with what the clients send today), as
 * other users would have had them on other days, eight sessions at once, one in five with another user's very task; and the
 * first requests of harnesses of which only a wire is known (src/core/identity/clients.examples.ts). Neither are recordings of users.
 * With --assert: exit 1 unless precision and recall are at least 0.95 everywhere and no agent stands for
 * two roles.
 */
import createXxhash from 'xxhash-wasm';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { sessions: { type: 'string', default: '40' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { knownConversations } = await jiti.import('../src/lab/identity-roles/conversations.ts');
const { allRecordings } = await jiti.import('../src/lab/identity-roles/recordings.ts');
const { CLIENT_EXAMPLES } = await jiti.import('../src/core/identity/clients.examples.ts');
const { firstRequests, replayed, replayedTogether } = await jiti.import('../src/lab/identity-roles/recorded.ts');
const { evaluateRoles } = await jiti.import('../src/lab/identity-roles/evaluate.ts');
const { hashingOf } = await jiti.import('../src/gateway/hashing/hashing.ts');

const [sessions, seed] = [Number(values.sessions), Number(values.seed)];
const hashing = hashingOf(await createXxhash());
const written = evaluateRoles(await knownConversations(sessions, seed), hashing);
const recordings = allRecordings();
// Each client before a gateway of its own, then all of them before one; last the first requests of harnesses that are known by a wire alone.
const recorded = [...recordings.map((recording) => replayed(recording, sessions, seed)), replayedTogether(recordings, sessions, seed), firstRequests(CLIENT_EXAMPLES, sessions, seed)].map((calls) => evaluateRoles(calls, hashing)[0]);
const percent = (share) => `${(100 * share).toFixed(1)} %`.padStart(8);
function print(title, rows) {
  console.error(title);
  for (const row of rows) console.error(`${row.application.padEnd(44)} ${String(row.calls).padStart(6)} calls  ${String(row.roles).padStart(2)} roles  ${String(row.agents).padStart(2)} agents  precision ${percent(row.precision)}  recall ${percent(row.recall)}  collisions ${row.collisions}  same session ${percent(row.sessionRecall)}`);
}
print('written conversations', written);
print('recorded conversations', recorded);
if (values.json) console.log(JSON.stringify({ written, recorded }));
if (values.assert && [...written, ...recorded].some(({ precision, recall, collisions }) => precision < 0.95 || recall < 0.95 || collisions > 0)) process.exitCode = 1;
