import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import { z } from 'zod';
import { schemaOf, type AskThrough, type ToolInput } from '../support/desk.ts';
import { CODER, PLANNER, raised, runTool, type Scenario } from '../support/scenario.ts';

setTracingDisabled(true);

const asking = (useResponses: boolean): AskThrough => ({ origin, model }) => {
  const runner = new Runner({ modelProvider: new OpenAIProvider({ apiKey: 'sk-test', baseURL: `${origin}/v1`, useResponses }), tracingDisabled: true });
  return async ({ name, instructions, tools }, question, run) => {
    const offered = tools.map((toolName) => tool({ name: toolName, description: `Does ${toolName}.`, parameters: schemaOf(toolName) as never, strict: true, execute: (input) => run(toolName, input as ToolInput) }));
    return String((await runner.run(new Agent({ name, instructions, model, tools: offered }), question)).finalOutput);
  };
};

function through(useResponses: boolean): Scenario {
  return async ({ origin, model, noSuchModel, endless, busyModel }) => {
    const runner = new Runner({ modelProvider: new OpenAIProvider({ apiKey: 'sk-test', baseURL: `${origin}/v1`, useResponses }), tracingDisabled: true });
    const toolCalls: { name: string; input: unknown }[] = [];
    const run = (name: string) => async (input: object): Promise<string> => {
      toolCalls.push({ name, input });
      return runTool(name, input);
    };
    const lookup = tool({ name: 'lookup', description: 'Looks up.', parameters: z.object({ topic: z.string() }), execute: run('lookup') });
    const write = tool({ name: 'write_file', description: 'Writes.', parameters: z.object({ path: z.string(), text: z.string() }), execute: run('write_file') });
    const coder = new Agent({ name: 'coder', instructions: CODER, model, tools: [write] });
    const planner = new Agent({ name: 'planner', instructions: PLANNER, model, tools: [lookup], handoffs: [coder] });
    const result = await runner.run(planner, 'Plan the journey.');

    const stream = await runner.run(new Agent({ name: 'speaker', instructions: 'You are the speaker.', model }), 'Stream.', { stream: true });
    let streamed = '';
    for await (const piece of stream.toTextStream()) streamed += String(piece);
    await stream.completed;

    let left = false;
    const leaving = new AbortController();
    const long = await runner.run(new Agent({ name: 'speaker', instructions: 'You are the speaker.', model }), endless, { stream: true, signal: leaving.signal });
    for await (const event of long) if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') {
      left = true;
      leaving.abort();
      break;
    }
    const retried = String((await runner.run(new Agent({ name: 'patient', model: busyModel }), 'Again.')).finalOutput);
    const error = await raised(() => runner.run(new Agent({ name: 'nobody', model: noSuchModel }), 'x'));
    return { toolCalls, answers: [String(result.finalOutput), result.lastAgent?.name ?? ''], streamed, left, retried, error };
  };
}

export const responses = through(true);
export const chat = through(false);
export const askResponses = asking(true);
export const askChat = asking(false);
