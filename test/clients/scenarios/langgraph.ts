import { ChatAnthropic } from '@langchain/anthropic';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { HumanMessage, SystemMessage, type BaseMessage } from '@langchain/core/messages';
import { tool, type StructuredToolInterface } from '@langchain/core/tools';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { schemaOf, type AskThrough, type ToolInput } from '../support/desk.ts';
import { CODER, LOOKUP_SCHEMA, PLANNER, raised, runTool, WRITE_SCHEMA, type Scenario, type ScenarioContext } from '../support/scenario.ts';

// A frame of tracing would be sent to a service elsewhere.
process.env.LANGSMITH_TRACING = 'false';
process.env.LANGCHAIN_CALLBACKS_BACKGROUND = 'false';

type ModelOf = (context: Pick<ScenarioContext, 'origin'>, name: string, maxRetries: number) => BaseChatModel;

const calling = (message: BaseMessage | undefined): boolean => ((message as { tool_calls?: readonly unknown[] } | undefined)?.tool_calls?.length ?? 0) > 0;

/** Planner and coder as nodes of one graph: the coder goes on from the planner's last words. */
function journey(model: BaseChatModel, lookup: StructuredToolInterface, write: StructuredToolInterface): { invoke(input: { messages: BaseMessage[] }): Promise<{ messages: BaseMessage[] }> } {
  const ask = (system: string, tools: StructuredToolInterface[]) => async ({ messages }: typeof MessagesAnnotation.State) => ({ messages: [await model.bindTools!(tools).invoke([new SystemMessage(system), ...messages])] });
  return new StateGraph(MessagesAnnotation)
    .addNode('planner', ask(PLANNER, [lookup]))
    .addNode('planner tools', new ToolNode([lookup]))
    .addNode('handover', () => ({ messages: [new HumanMessage('Now write it down.')] }))
    .addNode('coder', ask(CODER, [write]))
    .addNode('coder tools', new ToolNode([write]))
    .addEdge(START, 'planner')
    .addConditionalEdges('planner', ({ messages }) => (calling(messages.at(-1)) ? 'planner tools' : 'handover'), ['planner tools', 'handover'])
    .addEdge('planner tools', 'planner')
    .addEdge('handover', 'coder')
    .addConditionalEdges('coder', ({ messages }) => (calling(messages.at(-1)) ? 'coder tools' : END), ['coder tools', END])
    .addEdge('coder tools', 'coder')
    .compile() as never;
}

/** One agent as a graph of its own: its model, and its tools. */
const asking = (modelOf: ModelOf): AskThrough => (context) => async (agent, question, run) => {
  const tools = agent.tools.map((name) => tool(async (input: ToolInput) => run(name, input), { name, description: `Does ${name}.`, schema: schemaOf(name) as never }));
  const model = modelOf(context, context.model, 0).bindTools!(tools);
  const graph = new StateGraph(MessagesAnnotation)
    .addNode('agent', async ({ messages }: typeof MessagesAnnotation.State) => ({ messages: [await model.invoke([new SystemMessage(agent.instructions), ...messages])] }))
    .addNode('tools', new ToolNode(tools))
    .addEdge(START, 'agent')
    .addConditionalEdges('agent', ({ messages }) => (calling(messages.at(-1)) ? 'tools' : END), ['tools', END])
    .addEdge('tools', 'agent')
    .compile();
  return (await graph.invoke({ messages: [new HumanMessage(question)] })).messages.at(-1)?.text ?? '';
};

function through(modelOf: ModelOf): Scenario {
  return async (context) => {
    const { model: name, noSuchModel, endless, busyModel } = context;
    const model = modelOf(context, name, 0);
    const toolCalls: { name: string; input: unknown }[] = [];
    const offered = (toolName: string, schema: object): StructuredToolInterface => tool(async (input: { topic?: string; path?: string }) => {
      toolCalls.push({ name: toolName, input });
      return runTool(toolName, input);
    }, { name: toolName, description: `Does ${toolName}.`, schema: schema as never });
    const { messages } = await journey(model, offered('lookup', LOOKUP_SCHEMA), offered('write_file', WRITE_SCHEMA)).invoke({ messages: [new HumanMessage('Plan the journey.')] });

    let streamed = '';
    let finished = '';
    for await (const chunk of await model.bindTools!([offered('lookup', LOOKUP_SCHEMA)]).stream([new HumanMessage('Stream.')])) {
      streamed += chunk.text;
      for (const call of chunk.tool_call_chunks ?? []) finished += call.args ?? '';
    }

    let left = false;
    const leaving = new AbortController();
    try {
      for await (const chunk of await model.stream([new HumanMessage(endless)], { signal: leaving.signal })) if (chunk.text !== '') {
        left = true;
        leaving.abort();
        break;
      }
    } catch (error) {
      // It may tell its caller that the caller has left.
      if (!leaving.signal.aborted) throw error;
    }
    const retried = (await modelOf(context, busyModel, 1).invoke([new HumanMessage('Again.')])).text;
    const error = await raised(() => modelOf(context, noSuchModel, 0).invoke([new HumanMessage('x')]));
    return { toolCalls, answers: [messages.at(-1)?.text ?? '', String(messages.length)], streamed: JSON.stringify([streamed, finished]), left, retried, error };
  };
}

const throughChat: ModelOf = ({ origin }, model, maxRetries) => new ChatOpenAI({ model, maxRetries, apiKey: 'sk-test', configuration: { baseURL: `${origin}/v1` } });
const throughResponses: ModelOf = ({ origin }, model, maxRetries) => new ChatOpenAI({ model, maxRetries, apiKey: 'sk-test', useResponsesApi: true, configuration: { baseURL: `${origin}/v1` } });
const throughAnthropic: ModelOf = ({ origin }, model, maxRetries) => new ChatAnthropic({ model, maxRetries, maxTokens: 500, apiKey: 'sk-test', anthropicApiUrl: origin });

export const chat = through(throughChat);
export const responses = through(throughResponses);
export const anthropic = through(throughAnthropic);
export const askChat = asking(throughChat);
export const askResponses = asking(throughResponses);
export const askAnthropic = asking(throughAnthropic);
