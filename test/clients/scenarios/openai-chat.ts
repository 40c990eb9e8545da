import OpenAI from 'openai';
import { schemaOf, type AskThrough, type RunTool } from '../support/desk.ts';
import { CODER, LOOKUP_SCHEMA, PLANNER, raised, runTool, WRITE_SCHEMA, type Scenario } from '../support/scenario.ts';

const tool = (name: string, parameters: object): OpenAI.ChatCompletionTool => ({ type: 'function', function: { name, parameters: parameters as Record<string, unknown> } });

async function agentLoop(client: OpenAI, model: string, system: string, question: string, tools: OpenAI.ChatCompletionTool[], run: RunTool): Promise<string> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: system }, { role: 'user', content: question }];
  for (;;) {
    const { choices: [{ message }] } = await client.chat.completions.create({ model, messages, tools });
    messages.push(message);
    if (message.tool_calls === undefined) return message.content ?? '';
    for (const call of message.tool_calls) {
      if (call.type === 'function') messages.push({ role: 'tool', tool_call_id: call.id, content: await run(call.function.name, JSON.parse(call.function.arguments) as object) });
    }
  }
}

export const ask: AskThrough = ({ origin, model }) => {
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' });
  return (agent, question, run) => agentLoop(client, model, agent.instructions, question, agent.tools.map((name) => tool(name, schemaOf(name))), run);
};

export const scenario: Scenario = async ({ origin, model, noSuchModel, endless, busyModel }) => {
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' });
  const toolCalls: { name: string; input: unknown }[] = [];
  const agent = (system: string, question: string, tools: OpenAI.ChatCompletionTool[]): Promise<string> => agentLoop(client, model, system, question, tools, async (name, input) => {
    toolCalls.push({ name, input });
    return runTool(name, input);
  });
  const plan = await agent(PLANNER, 'Plan the journey.', [tool('lookup', LOOKUP_SCHEMA)]);
  const code = await agent(CODER, plan, [tool('write_file', WRITE_SCHEMA)]);

  const stream = client.chat.completions.stream({ model, messages: [{ role: 'user', content: 'Stream.' }], tools: [tool('lookup', LOOKUP_SCHEMA)], stream_options: { include_usage: true } });
  const { choices: [{ message }], usage } = await stream.finalChatCompletion();
  const streamed = JSON.stringify([message.content, message.tool_calls?.map((call) => call.type === 'function' && call.function.arguments), (usage?.total_tokens ?? 0) > 0]);

  let left = false;
  const long = await client.chat.completions.create({ model, messages: [{ role: 'user', content: endless }], stream: true });
  for await (const chunk of long) if ((chunk.choices[0]?.delta.content ?? '') !== '') {
    left = true;
    long.controller.abort();
  }
  const retried = (await client.chat.completions.create({ model: busyModel, messages: [{ role: 'user', content: 'Again.' }] })).choices[0].message.content ?? '';
  const error = await raised(() => client.chat.completions.create({ model: noSuchModel, messages: [{ role: 'user', content: 'x' }] }));
  return { toolCalls, answers: [plan, code], streamed, left, retried, error };
};
