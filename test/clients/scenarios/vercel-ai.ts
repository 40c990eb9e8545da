import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool, type LanguageModel, type ToolSet } from 'ai';
import { schemaOf, type AskThrough, type ToolInput } from '../support/desk.ts';
import { CODER, LOOKUP_SCHEMA, PLANNER, raised, runTool, WRITE_SCHEMA, type Scenario, type ScenarioContext } from '../support/scenario.ts';

// It warns of every model that it has no limits of.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

type ModelOf = (context: Pick<ScenarioContext, 'origin'>, name: string) => LanguageModel;

const asking = (modelOf: ModelOf): AskThrough => (context) => async (agent, question, run) => {
  const tools: ToolSet = Object.fromEntries(agent.tools.map((name) => [name, tool({ inputSchema: jsonSchema<ToolInput>(schemaOf(name) as never), execute: (input) => run(name, input) })]));
  return (await generateText({ model: modelOf(context, context.model), system: agent.instructions, prompt: question, tools, stopWhen: stepCountIs(9), maxRetries: 0 })).text;
};

function through(modelOf: ModelOf): Scenario {
  return async (context) => {
    const { model: name, noSuchModel, endless, busyModel } = context;
    const model = modelOf(context, name);
    const toolCalls: { name: string; input: unknown }[] = [];
    const offered = (toolName: string, schema: object): ToolSet => ({
      [toolName]: tool({
        inputSchema: jsonSchema<{ topic?: string; path?: string }>(schema as never),
        execute: async (input) => {
          toolCalls.push({ name: toolName, input });
          return runTool(toolName, input);
        },
      }),
    });
    const agent = async (system: string, prompt: string, tools: ToolSet): Promise<string> => (await generateText({ model, system, prompt, tools, stopWhen: stepCountIs(5), maxRetries: 0 })).text;
    const plan = await agent(PLANNER, 'Plan the journey.', offered('lookup', LOOKUP_SCHEMA));
    const code = await agent(CODER, plan, offered('write_file', WRITE_SCHEMA));

    const stream = streamText({ model, prompt: 'Stream.', maxRetries: 0 });
    let streamed = '';
    for await (const piece of stream.textStream) streamed += piece;

    let left = false;
    const leaving = new AbortController();
    const long = streamText({ model, prompt: endless, abortSignal: leaving.signal, maxRetries: 0, onError: () => undefined });
    for await (const part of long.fullStream) if (part.type === 'text-delta') {
      left = true;
      leaving.abort();
      break;
    }
    const retried = (await generateText({ model: modelOf(context, busyModel), prompt: 'Again.', maxRetries: 1 })).text;
    const error = await raised(() => generateText({ model: modelOf(context, noSuchModel), prompt: 'x', maxRetries: 0 }));
    return { toolCalls, answers: [plan, code], streamed, left, retried, error };
  };
}

const throughAnthropic: ModelOf = ({ origin }, name) => createAnthropic({ baseURL: `${origin}/v1`, apiKey: 'sk-test' })(name);
const throughResponses: ModelOf = ({ origin }, name) => createOpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' }).responses(name);
const throughChat: ModelOf = ({ origin }, name) => createOpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test' }).chat(name);
const throughCompatible: ModelOf = ({ origin }, name) => createOpenAICompatible({ name: 'entresol', baseURL: `${origin}/v1`, apiKey: 'sk-test', includeUsage: true }).chatModel(name);

export const anthropic = through(throughAnthropic);
export const openaiResponses = through(throughResponses);
export const openaiChat = through(throughChat);
export const openaiCompatible = through(throughCompatible);
export const askAnthropic = asking(throughAnthropic);
export const askOpenaiResponses = asking(throughResponses);
export const askOpenaiChat = asking(throughChat);
export const askOpenaiCompatible = asking(throughCompatible);
