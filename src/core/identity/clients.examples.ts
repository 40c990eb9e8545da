/**
 * One wire per client that is known without any configuration: the first request of an agent as its framework sends it,
 * with the headers and the bodies that were captured on loopback or that its documentation gives. Texts are shortened.
 */
export interface ClientExample {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** What its prompt or its headers call the agent. */
  readonly agent: string;
  /** Where the session comes from. */
  readonly session: 'header' | 'body' | 'conversation';
}

const tool = (name: string): unknown => ({ type: 'function', function: { name, description: `Calls ${name}.`, parameters: { type: 'object', properties: {} } } });
const flatTool = (name: string): unknown => ({ type: 'function', name, parameters: { type: 'object', properties: {} }, strict: true });
const claudeTool = (name: string): unknown => ({ name, description: `Calls ${name}.`, input_schema: { type: 'object', properties: {} } });
const chat = (system: string, user: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> =>
  ({ messages: [{ role: 'system', content: system }, { role: 'user', content: user }], model: 'm', ...more });
const stainless = (agent: string): Readonly<Record<string, string>> => ({ 'user-agent': agent, 'x-stainless-lang': 'js', 'x-stainless-retry-count': '0', accept: 'application/json' });
const TASK = 'Add two numbers, then tell me the sum of both and of nine.';
const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

export const CLIENT_EXAMPLES: Readonly<Record<string, ClientExample>> = {
  'claude-code': {
    headers: { 'user-agent': 'claude-cli/2.1.283 (external, cli)', 'anthropic-version': '2023-06-01', 'x-claude-code-session-id': UUID, 'x-claude-code-agent-type': 'Explore', 'x-claude-code-agent-id': 'agent-5', 'x-claude-code-request-class': 'subagent', 'x-claude-code-prompt-id': 'prompt-3' },
    body: {
      model: 'claude', messages: [{ role: 'user', content: [{ type: 'text', text: TASK, cache_control: { type: 'ephemeral' } }] }],
      system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.283.b1f; cc_is_subagent=true' }, { type: 'text', text: 'You are Claude Code, an explorer of code.' }], tools: [claudeTool('Read'), claudeTool('Grep')],
      metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: UUID }) }, max_tokens: 32_000, stream: true,
    },
    agent: 'Explore', session: 'header',
  },
  codex: {
    headers: { 'user-agent': 'codex_cli_rs/0.60.1 (Ubuntu 24.4.0; x86_64)', originator: 'codex_cli_rs', 'session-id': UUID, 'thread-id': 'thread-2', 'x-codex-parent-thread-id': 'thread-1', 'x-openai-subagent': 'review', 'x-codex-window-id': 'w-1' },
    body: { model: 'gpt', instructions: 'You are Codex, a coding agent.', input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: TASK }] }], tools: [flatTool('shell'), flatTool('apply_patch')], store: false, stream: true, prompt_cache_key: UUID },
    agent: 'review', session: 'header',
  },
  opencode: {
    headers: { 'user-agent': 'opencode/1.4.2', 'x-session-id': 'ses_41', 'x-session-affinity': 'ses_41', 'x-opencode-session': 'ses_41', 'x-opencode-client': 'cli', 'x-opencode-project': 'p' },
    body: chat('You are opencode, an interactive CLI tool.', TASK, { tools: [tool('bash'), tool('edit')], stream: true }),
    agent: 'opencode', session: 'header',
  },
  copilot: {
    headers: { 'user-agent': 'GitHubCopilotChat/0.31.2', 'vscode-sessionid': `${UUID}1763712000000`, 'x-initiator': 'user', 'x-interaction-id': 'i-4', 'x-interaction-type': 'conversation-agent' },
    body: chat('You are an expert programming assistant.', TASK, { tools: [tool('read_file')], stream: true }),
    agent: 'expert programming assistant', session: 'header',
  },
  'openai-agents': {
    headers: stainless('Agents/JavaScript 0.20.0'),
    body: chat('You are the planner.', TASK, { tools: [tool('add'), tool('transfer_to_worker')], stream: false }),
    agent: 'planner', session: 'conversation',
  },
  'pydantic-ai': {
    headers: { 'user-agent': 'pydantic-ai/2.68.0', 'x-stainless-lang': 'python' },
    body: chat('You are the planner.', TASK, { tools: [tool('add')], stream: false, tool_choice: 'auto' }),
    agent: 'planner', session: 'conversation',
  },
  langchain: {
    headers: stainless('langchainjs-openai/1.0.0 ((node/v20.20.0; linux; x64))'),
    body: chat('You are the planner.', TASK, { tools: [tool('add')], stream: false }),
    agent: 'planner', session: 'conversation',
  },
  'ai-sdk': {
    headers: { 'user-agent': 'ai-sdk/openai-compatible/2.0.30 ai-sdk/provider-utils/4.0.20 runtime/node.js/v20.20.0' },
    body: chat('You are the planner.', TASK, { tools: [tool('add')], tool_choice: 'auto', stream: true }),
    agent: 'planner', session: 'conversation',
  },
  litellm: {
    headers: { 'user-agent': 'litellm/1.83.0', 'anthropic-version': '2023-06-01' },
    body: { model: 'claude', messages: [{ role: 'user', content: [{ type: 'text', text: TASK }] }], system: [{ type: 'text', text: 'You are the planner.' }], tools: [claudeTool('add')], max_tokens: 4096 },
    agent: 'planner', session: 'conversation',
  },
  smolagents: {
    headers: stainless('OpenAI/Python 2.8.0'),
    body: chat('You are an expert assistant who can solve any task using tool calls.', `New task:\n${TASK}`, { tools: [tool('add'), tool('final_answer')], tool_choice: 'required', stop: ['Observation:', 'Calling tools:'] }),
    agent: 'expert assistant', session: 'conversation',
  },
  crewai: {
    headers: stainless('OpenAI/Python 2.8.0'),
    body: chat('You are Senior Planner. You have planned for years.\nYour personal goal is: plan sums\nYou ONLY have access to the following tools.', `\nCurrent Task: ${TASK}\n\nThis is the expected criteria for your final answer: a number`, { stop: ['\nObservation:'] }),
    agent: 'Senior Planner', session: 'conversation',
  },
  'google-adk': {
    headers: stainless('AsyncOpenAI/Python 2.8.0'),
    body: chat('Plan sums.\n\nYou are an agent. Your internal name is "planner".\n\nThe description about you is "plans".', TASK, { tools: [tool('add'), tool('transfer_to_agent')] }),
    agent: 'planner', session: 'conversation',
  },
  autogen: {
    headers: stainless('AsyncOpenAI/Python 2.8.0'),
    body: {
      messages: [{ role: 'system', content: 'You are the worker.' }, { role: 'user', name: 'user', content: TASK }, { role: 'user', name: 'planner', content: 'Transferred to worker, adopting the role of worker immediately.' }],
      model: 'm', stream: false, tools: [tool('add')],
    },
    agent: 'worker', session: 'conversation',
  },
  'langchain-python': {
    headers: { ...stainless('OpenAI/Python 3.54.0'), 'x-stainless-lang': 'python', 'x-stainless-raw-response': 'true' },
    body: { messages: [{ content: 'You are the planner.', role: 'system' }, { content: TASK, role: 'user' }], model: 'm', stream: false, tools: [tool('add')] },
    agent: 'planner', session: 'conversation',
  },
  'anthropic-sdk': {
    headers: stainless('Anthropic/JS 1.11.0'),
    body: { model: 'claude', max_tokens: 1000, system: 'You are the planner.', messages: [{ role: 'user', content: TASK }] },
    agent: 'planner', session: 'conversation',
  },
  'openai-sdk': { headers: stainless('OpenAI/JS 6.49.0'), body: chat('You are the planner.', TASK), agent: 'planner', session: 'conversation' },
};
