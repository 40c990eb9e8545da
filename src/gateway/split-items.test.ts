/** One answer of the Responses API comes back as several items, in an order that is the client's: it is still that answer. */
import { afterEach, expect, it } from 'vitest';
import { closeAll, post, setUp } from '../../test/support/gateway-setup.ts';
import type { Script } from '../../test/support/scripted-upstream.ts';
import { LOCAL_TENANT } from '../core/index.ts';

afterEach(closeAll);

interface Item { readonly type: string; readonly [name: string]: unknown }
const callItem = (id: string, name: string, query: string): Item => ({ type: 'function_call', id: `fc_${id}`, call_id: id, name, arguments: `{"q": "${query}"}`, status: 'completed' });
const output = (id: string, text: string): Item => ({ type: 'function_call_output', call_id: id, output: text });
const reasoning: Item = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' };
const spoken = (text: string): Item => ({ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text, annotations: [] }] });
const question: Item = { type: 'message', role: 'user', content: 'Compare the two towns.' };
/** The calls of the town as the client sends them back: under ids of its own, so that the conversation alone can tell. */
const turn = (town: string, order: 'grouped' | 'interleaved'): readonly Item[] => {
  const [one, two] = [callItem('c1', 'weather', town), callItem('c2', 'people', town)];
  const [first, second] = [output('c1', 'rain'), output('c2', 'many')];
  return [question, ...(order === 'grouped' ? [reasoning, spoken('I look.'), one, two, first, second] : [spoken('I look.'), reasoning, one, first, two, second])];
};

/** Each question is answered with calls of its own. */
const answering = (): Script => {
  const towns = ['Ulm', 'Bern'];
  return (request, response) => {
    const { input } = JSON.parse(request.body.toString() || '{}') as { input?: readonly unknown[] };
    if (input === undefined) {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"input is missing"}}');
      return;
    }
    const town = input.length === 1 ? towns.shift() : undefined;
    const items = town === undefined ? [spoken('Done.')] : [reasoning, spoken('I look.'), callItem('call_of_the_engine_1', 'weather', town), callItem('call_of_the_engine_2', 'people', town)];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'resp_x', object: 'response', status: 'completed', model: 'm', output: items, usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } }));
  };
};

it.each(['grouped', 'interleaved'] as const)('two runs of one question stay apart when their calls come back %s', async (order) => {
  const { server } = await setUp(answering());
  const ask = async (input: readonly Item[]): Promise<void> => {
    const tools = ['weather', 'people'].map((name) => ({ type: 'function', name, parameters: { type: 'object', properties: { q: { type: 'string' } } } }));
    await (await post(`${server.url}/v1/responses`, JSON.stringify({ model: 'm', store: false, instructions: 'You are the guide.', tools, input }))).text();
  };
  await ask([question]);
  await ask([question]);
  // The first goes on after the second has begun.
  await ask(turn('Ulm', order));
  await ask(turn('Bern', order));
  const sessions = server.runtime.sessions(LOCAL_TENANT);
  expect(sessions.map(({ calls }) => calls)).toEqual([2, 2]);
});
