/** Records what a client sends while it plays, for the lab to ask whether its agents can be told apart by that alone. */
import type { Dialect } from '../../../src/core/index.ts';
import type { RecordedCall } from '../../../src/lab/identity-roles/recordings.ts';
import { startUpstream } from '../../support/scripted-upstream.ts';
import type { Client } from './clients.ts';
import { DESK } from './desk.ts';
import { markOf, modelServerThat } from './model-server.ts';
import { CODER, PLANNER, type ScenarioContext } from './scenario.ts';
import { BUSY_MODEL, ENDLESS, nextAnswer, NO_SUCH_MODEL } from './scripted-model.ts';

/** How the prompt of each agent begins: the truth of who calls. */
const BEGINNINGS: readonly (readonly [role: string, beginning: string])[] = [['planner', PLANNER], ['coder', CODER], ...DESK.map(({ name, instructions }) => [name, instructions.split('\n', 1)[0]] as const)];

/** Undefined for calls that are no agent's: a stream that is left, a question without a prompt. */
function roleOf(body: string): string | undefined {
  const roles = BEGINNINGS.filter(([, beginning]) => body.includes(beginning));
  if (roles.length > 1) throw new Error(`one call has the prompts of ${roles.map(([role]) => role).join(' and ')}`);
  return roles[0]?.[0];
}

async function recorded(dialect: Dialect, play: (context: ScenarioContext) => Promise<unknown>): Promise<RecordedCall[]> {
  const calls: RecordedCall[] = [];
  const server = modelServerThat((asked, body, request) => {
    const next = nextAnswer(asked, body);
    const role = roleOf(request.body.toString());
    if (next === 'endless' || role === undefined) return next;
    // An id for each call, as real servers give; the same for the same request.
    const toolCalls = (next.toolCalls ?? []).map((call, index) => ({ ...call, id: `call_${markOf(request)}${index}` }));
    const responseId = asked === 'responses' ? { responseId: `resp_1_${markOf(request)}` } : {};
    calls.push({ role, body: JSON.parse(request.body.toString()) as RecordedCall['body'], answer: { text: next.text ?? '', toolCalls, ...responseId } });
    return { ...next, toolCalls };
  }, [dialect]);
  const upstream = await startUpstream(server);
  try {
    await play({ origin: upstream.url, model: 'm', busyModel: BUSY_MODEL, noSuchModel: NO_SUCH_MODEL, endless: ENDLESS });
  } finally {
    await upstream.close();
  }
  return calls;
}

/** The two agents that every test has, and the desk. */
export async function recordConversations({ dialect, load, loadDesk }: Client): Promise<Record<string, RecordedCall[]>> {
  const journey = await recorded(dialect, await load!());
  return loadDesk === undefined ? { journey } : { journey, desk: await recorded(dialect, await loadDesk()) };
}
