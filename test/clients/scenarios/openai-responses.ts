import OpenAI from 'openai';
import { schemaOf, type AskThrough, type RunTool } from '../support/desk.ts';
import { CODER, LOOKUP_SCHEMA, PLANNER, raised, runTool, WRITE_SCHEMA, type Scenario } from '../support/scenario.ts';

const tool = (name: string, parameters: object): OpenAI.Responses.FunctionTool => ({ type: 'function', name, parameters: parameters as Record<string, unknown>, strict: true });

async function agentLoop(client: OpenAI, model: string, instructions: string, question: string, tools: OpenAI.Responses.Tool[], run: RunTool): Promise<string> {
  const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: question }];
  for (;;) {
    const response = await client.responses.create({ model, instructions, input, tools, store: false });
    const calls = response.output.filter((item) => item.type === 'function_call');
    if (calls.length === 0) return response.output_text;
    input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]));
    for (const call of calls) input.push({ type: 'function_call_output', call_id: call.call_id, output: await run(call.name, JSON.parse(call.arguments) as object) });
  }
}

export const ask: AskThrough = ({ origin, model }) => {
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' });
  return (agent, question, run) => agentLoop(client, model, agent.instructions, question, agent.tools.map((name) => tool(name, schemaOf(name))), run);
};

export const scenario: Scenario = async ({ origin, model, noSuchModel, endless, busyModel }) => {
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' });
  const toolCalls: { name: string; input: unknown }[] = [];
  const agent = (instructions: string, question: string, tools: OpenAI.Responses.Tool[]): Promise<string> => agentLoop(client, model, instructions, question, tools, async (name, given) => {
    toolCalls.push({ name, input: given });
    return runTool(name, given);
  });
  const plan = await agent(PLANNER, 'Plan the journey.', [tool('lookup', LOOKUP_SCHEMA)]);
  const code = await agent(CODER, plan, [tool('write_file', WRITE_SCHEMA)]);

  const stream = client.responses.stream({ model, input: 'Stream.', tools: [tool('lookup', LOOKUP_SCHEMA)] });
  let pieces = '';
  stream.on('response.output_text.delta', (event) => { pieces += event.delta; });
  const final = await stream.finalResponse();
  const streamed = JSON.stringify([pieces, final.output_text, final.output.flatMap((item) => (item.type === 'function_call' ? [item.arguments] : [])), (final.usage?.total_tokens ?? 0) > 0]);

  let left = false;
  const long = await client.responses.create({ model, input: endless, stream: true });
  for await (const event of long) if (event.type === 'response.output_text.delta') {
    left = true;
    long.controller.abort();
  }
  const retried = (await client.responses.create({ model: busyModel, input: 'Again.' })).output_text;
  const error = await raised(() => client.responses.create({ model: noSuchModel, input: 'x' }));
  return { toolCalls, answers: [plan, code], streamed, left, retried, error };
};
