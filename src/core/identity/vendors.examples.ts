/** One recorded call per row of the vendor table, and who it is. Documentation that a test keeps true. */
export interface VendorExample {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly expect: { readonly session: string; readonly agent?: string; readonly instance?: string; readonly parent?: string; readonly final?: boolean };
}

const SESSION = '0f8fad5b-d9cb-469f-a165-70867728950e';
const PARENT = '7c9e6679-7425-40de-944b-e07fc1f90ae7';

export const VENDOR_EXAMPLES: Readonly<Record<string, VendorExample>> = {
  entresol: {
    headers: { 'x-entresol-session': 'run-7', 'x-entresol-agent': 'planner', 'x-entresol-instance': 'planner#2', 'x-entresol-parent': 'supervisor#1', 'x-entresol-final': 'true' },
    expect: { session: 'run-7', agent: 'planner', instance: 'planner#2', parent: 'supervisor#1', final: true },
  },
  dynamo: {
    headers: { 'x-dynamo-session-id': SESSION, 'x-dynamo-parent-session-id': PARENT, 'x-dynamo-session-final': 'true' },
    expect: { session: SESSION, parent: PARENT, final: true },
  },
  switchyard: {
    headers: { 'x-switchyard-session-id': SESSION, 'x-switchyard-agent-id': 'a-17', 'x-switchyard-parent-agent-id': 'a-1', 'x-switchyard-agent-role': 'researcher' },
    expect: { session: SESSION, instance: 'a-17', parent: 'a-1', agent: 'researcher' },
  },
  'nemo-relay': { headers: { 'x-nemo-relay-session-id': SESSION, 'x-nemo-relay-subagent-id': 'sub-3' }, expect: { session: SESSION, instance: 'sub-3' } },
  'claude-code': {
    headers: { 'x-claude-code-session-id': SESSION, 'x-claude-code-agent-id': 'agent-5', 'x-claude-code-parent-agent-id': 'agent-1', 'x-claude-code-request-class': 'subagent', 'x-claude-code-agent-type': 'Explore' },
    expect: { session: SESSION, instance: 'agent-5', parent: 'agent-1', agent: 'Explore' },
  },
  codex: {
    headers: { 'session-id': SESSION, 'thread-id': 'thread-2', 'x-codex-parent-thread-id': 'thread-1', 'x-openai-subagent': 'review' },
    body: { prompt_cache_key: SESSION },
    expect: { session: SESSION, instance: 'thread-2', parent: 'thread-1', agent: 'review' },
  },
  opencode: {
    headers: { 'x-session-id': 'ses_41', 'x-session-affinity': 'ses_41', 'x-opencode-session': 'ses_41', 'x-parent-session-id': 'ses_40', 'x-opencode-client': 'cli' },
    expect: { session: 'ses_41', parent: 'ses_40' },
  },
  'agentic-context': {
    body: { vllm_xargs: { agentic_context: { program_id: 'p-1', session_id: 's-1', agent_id: 'a-4', parent_program_id: 'p-0', agent_role: 'lead' } } },
    expect: { session: 's-1', instance: 'a-4', parent: 'p-0', agent: 'lead' },
  },
  copilot: { headers: { 'vscode-sessionid': `${SESSION}1763712000000`, 'x-initiator': 'agent' }, expect: { session: `${SESSION}1763712000000` } },
  litellm: {
    headers: { 'x-litellm-trace-id': 'trace_00000001', 'x-litellm-agent-id': 'support-bot' },
    expect: { session: 'trace_00000001', agent: 'support-bot' },
  },
  helicone: { headers: { 'helicone-session-id': SESSION, 'helicone-session-name': 'course', 'helicone-session-path': '/outline/lesson' }, expect: { session: SESSION, agent: 'lesson', instance: '/outline/lesson', parent: '/outline' } },
  portkey: { headers: { 'x-portkey-trace-id': 'run-91' }, expect: { session: 'run-91' } },
  bifrost: { headers: { 'x-bf-session-id': 'bf-5' }, expect: { session: 'bf-5' } },
  merge: { headers: { 'x-merge-thread-id': 'thread-5' }, expect: { session: 'thread-5' } },
  'agent-hint': { body: { agent_hint: { session_id: 'h-1', parent_session_id: 'h-0' } }, expect: { session: 'h-1', parent: 'h-0' } },
  'claude-user-id': {
    body: { metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: SESSION, parent_session_id: PARENT }) } },
    expect: { session: SESSION, parent: PARENT },
  },
  'session-header': { headers: { 'x-session-id': 'chat-77', 'x-parent-session-id': 'chat-76' }, expect: { session: 'chat-77', parent: 'chat-76' } },
  'any-session-header': { headers: { 'x-parent-session-id': 'no', 'x-acme-parent-session-id': 'no', 'x-acme-session-id': 'acme-3' }, expect: { session: 'acme-3' } },
  'session-affinity': { headers: { 'x-session-affinity': 'af-8' }, expect: { session: 'af-8' } },
  'routing-key': { headers: { 'x-smg-routing-key': 'key-8' }, expect: { session: 'key-8' } },
  'body-session': { body: { session_id: 'b-1', parent_session_id: 'b-0' }, expect: { session: 'b-1', parent: 'b-0' } },
  program: { body: { program_id: 'prog-4', program_done: true }, expect: { session: 'prog-4', final: true } },
  conversation: { body: { conversation: { id: 'conv_12' } }, expect: { session: 'conv_12' } },
  'body-metadata': { body: { metadata: { session_id: 'meta-1' } }, expect: { session: 'meta-1' } },
  baggage: {
    headers: { baggage: 'gen_ai.conversation.id=conv%2D5;p=1, gen_ai.agent.name=Planner, gen_ai.agent.id=asst_9' },
    expect: { session: 'conv-5', agent: 'Planner', instance: 'asst_9' },
  },
  a2a: { body: { contextId: 'ctx-1', taskId: 'task-2' }, expect: { session: 'ctx-1' } },
  mcp: { headers: { 'mcp-session-id': 'mcp-9', 'mcp-method': 'tools/call' }, expect: { session: 'mcp-9' } },
  correlation: { headers: { 'x-correlation-id': 'cor-1' }, expect: { session: 'cor-1' } },
  'prompt-cache-key': { body: { prompt_cache_key: 'pck-1' }, expect: { session: 'pck-1' } },
  traceparent: { headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }, expect: { session: '4bf92f3577b34da6a3ce929d0e0e4736' } },
  person: { body: { user: 'user-123' }, expect: { session: 'user-123' } },
};
