import Anthropic from '@anthropic-ai/sdk';
import { schemaOf, type AskThrough, type RunTool } from '../support/desk.ts';
import { CODER, LOOKUP_SCHEMA, PLANNER, raised, runTool, WRITE_SCHEMA, type Scenario } from '../support/scenario.ts';

const tool = (name: string, schema: object): Anthropic.Tool => ({ name, input_schema: schema as Anthropic.Tool.InputSchema });
const textOf = (content: Anthropic.ContentBlock[]): string => content.map((block) => (block.type === 'text' ? block.text : '')).join('');

async function agentLoop(client: Anthropic, model: string, system: string, question: string, tools: Anthropic.Tool[], run: RunTool): Promise<string> {
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: question }];
  for (;;) {
    const message = await client.messages.create({ model, max_tokens: 500, system, messages, tools });
    if (message.stop_reason !== 'tool_use') return textOf(message.content);
    const results: Anthropic.ToolResultBlockParam[] = [];
    for (const block of message.content) {
      if (block.type === 'tool_use') results.push({ type: 'tool_result', tool_use_id: block.id, content: await run(block.name, block.input as object) });
    }
    messages.push({ role: 'assistant', content: message.content }, { role: 'user', content: results });
  }
}

export const ask: AskThrough = ({ origin, model }) => {
  const client = new Anthropic({ baseURL: origin, apiKey: 'sk-test' });
  return (agent, question, run) => agentLoop(client, model, agent.instructions, question, agent.tools.map((name) => tool(name, schemaOf(name))), run);
};

export const scenario: Scenario = async ({ origin, model, noSuchModel, endless, busyModel }) => {
  const client = new Anthropic({ baseURL: origin, apiKey: 'sk-test' });
  const toolCalls: { name: string; input: unknown }[] = [];
  const agent = (system: string, question: string, tools: Anthropic.Tool[]): Promise<string> => agentLoop(client, model, system, question, tools, async (name, input) => {
    toolCalls.push({ name, input });
    return runTool(name, input);
  });
  const plan = await agent(PLANNER, 'Plan the journey.', [tool('lookup', LOOKUP_SCHEMA)]);
  const code = await agent(CODER, plan, [tool('write_file', WRITE_SCHEMA)]);

  let pieces = '';
  const stream = client.messages.stream({ model, max_tokens: 500, messages: [{ role: 'user', content: 'Stream.' }], tools: [tool('lookup', LOOKUP_SCHEMA)] });
  stream.on('text', (piece) => { pieces += piece; });
  const final = await stream.finalMessage();
  const streamed = JSON.stringify([pieces, textOf(final.content), final.content.flatMap((block) => (block.type === 'tool_use' ? [block.input] : [])), final.stop_reason, final.usage.output_tokens > 0]);

  let left = false;
  const long = await client.messages.create({ model, max_tokens: 4000, messages: [{ role: 'user', content: endless }], stream: true });
  for await (const event of long) if (event.type === 'content_block_delta') {
    left = true;
    long.controller.abort();
  }
  const retried = textOf((await client.messages.create({ model: busyModel, max_tokens: 500, messages: [{ role: 'user', content: 'Again.' }] })).content);
  const error = await raised(() => client.messages.create({ model: noSuchModel, max_tokens: 5, messages: [{ role: 'user', content: 'x' }] }));
  return { toolCalls, answers: [plan, code], streamed, left, retried, error };
};
