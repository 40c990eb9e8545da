/** The real SDKs and frameworks, each with what it is put through. */
import type { Dialect } from '../../../src/core/index.ts';
import { installClients } from '../install.ts';
import { DESK, DESK_QUESTION, playDesk, type AskThrough } from './desk.ts';
import { installPythonClients, PythonSdk } from './python-scenario.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';

/** Plays the desk through a client. */
export type Desk = (context: ScenarioContext) => Promise<unknown>;

export interface Client {
  readonly name: string;
  readonly dialect: Dialect;
  /** Undefined where it is not installed. */
  readonly load: (() => Promise<Scenario>) | undefined;
  /** Undefined where it is not installed, or plays the desk as another client does. */
  readonly loadDesk: (() => Promise<Desk>) | undefined;
}

const installed = installClients();
const python = installPythonClients();
const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** Of a module that is found only where the clients are installed. */
function node(module: string, exported?: string): Pick<Client, 'load' | 'loadDesk'> {
  if (!installed) return { load: undefined, loadDesk: undefined };
  const imported = async <Exported>(name: string): Promise<Exported> => ((await import(`../scenarios/${module}.ts`)) as Record<string, Exported>)[name];
  return {
    load: () => imported<Scenario>(exported ?? 'scenario'),
    loadDesk: async () => {
      const askThrough = await imported<AskThrough>(exported === undefined ? 'ask' : `ask${capitalised(exported)}`);
      return (context) => playDesk(askThrough(context));
    },
  };
}

const pythonSdks = new Map<string, PythonSdk>();
export const closePythons = (): void => pythonSdks.forEach((sdk) => sdk.close());

/** @param module in `scenarios/python` */
function inPython(module: string, name: string, hasDesk = true): Pick<Client, 'load' | 'loadDesk'> {
  if (python === undefined) return { load: undefined, loadDesk: undefined };
  const sdk = pythonSdks.get(module) ?? new PythonSdk(python, module);
  pythonSdks.set(module, sdk);
  const desk: Desk = (context) => sdk.run(`${name}, desk`, { ...context, desk: DESK, question: DESK_QUESTION });
  return { load: () => Promise.resolve(sdk.scenario(name)), loadDesk: hasDesk ? () => Promise.resolve(desk) : undefined };
}

export const CLIENTS: readonly Client[] = [
  { name: 'openai, chat', dialect: 'chat', ...node('openai-chat') },
  { name: 'openai, Responses', dialect: 'responses', ...node('openai-responses') },
  { name: '@anthropic-ai/sdk', dialect: 'messages', ...node('anthropic') },
  { name: 'ai with @ai-sdk/anthropic', dialect: 'messages', ...node('vercel-ai', 'anthropic') },
  { name: 'ai with @ai-sdk/openai, Responses', dialect: 'responses', ...node('vercel-ai', 'openaiResponses') },
  { name: 'ai with @ai-sdk/openai, chat', dialect: 'chat', ...node('vercel-ai', 'openaiChat') },
  { name: 'ai with @ai-sdk/openai-compatible', dialect: 'chat', ...node('vercel-ai', 'openaiCompatible') },
  { name: '@openai/agents, Responses', dialect: 'responses', ...node('openai-agents', 'responses') },
  { name: '@openai/agents, chat', dialect: 'chat', ...node('openai-agents', 'chat') },
  { name: 'langgraph with @langchain/openai, chat', dialect: 'chat', ...node('langgraph', 'chat') },
  { name: 'langgraph with @langchain/openai, Responses', dialect: 'responses', ...node('langgraph', 'responses') },
  { name: 'langgraph with @langchain/anthropic', dialect: 'messages', ...node('langgraph', 'anthropic') },
  { name: '@mastra/core', dialect: 'chat', ...node('mastra') },
  { name: 'openai for Python, chat', dialect: 'chat', ...inPython('sdk_openai', 'chat') },
  { name: 'openai for Python, Responses', dialect: 'responses', ...inPython('sdk_openai', 'responses') },
  { name: 'anthropic for Python', dialect: 'messages', ...inPython('sdk_anthropic', 'messages') },
  { name: 'anthropic for Python, asynchronous', dialect: 'messages', ...inPython('sdk_anthropic', 'messages, asynchronous', false) },
];
