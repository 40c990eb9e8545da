/**
 * Who sends which identity, as data: one row per vendor, taken whole, best first. A row holds when one of its
 * `when` places (all its session places by default) has a value.
 *
 * A place is `reader:argument` (readers.ts) and is also the `source` that explain shows. The confidence says how
 * surely the row's session is one run: an id that may be per turn (`traceparent`) or per person (`user`) ranks below
 * what the conversation itself tells (0.91 for a tool call id, 0.9 for a lineage, 0.7 for an opener), while an explicit
 * session id ranks above it: a client that resumes or forks a conversation under a new id means it.
 */
export interface VendorRow {
  readonly vendor: string;
  readonly confidence: number;
  readonly when?: readonly string[];
  readonly session?: readonly string[];
  /** The role, stable across sessions. */
  readonly agent?: readonly string[];
  /** One live context of the role. */
  readonly instance?: readonly string[];
  readonly parent?: readonly string[];
  readonly final?: readonly string[];
  /** What kind of call it is in its harness. */
  readonly kind?: readonly string[];
  /** The task, turn or prompt within the session. */
  readonly task?: readonly string[];
}

/** Our own headers: each may stand alone and overrides that field of whatever row is taken. */
export const OWN_ROW: VendorRow = {
  vendor: 'entresol',
  confidence: 1,
  session: ['header:x-entresol-session'],
  agent: ['header:x-entresol-agent'],
  instance: ['header:x-entresol-instance'],
  parent: ['header:x-entresol-parent'],
  final: ['header:x-entresol-final'],
};

export const VENDOR_ROWS: readonly VendorRow[] = [
  {
    vendor: 'dynamo', confidence: 0.98,
    session: ['header:x-dynamo-session-id', 'body:nvext.agent_context.session_id'],
    parent: ['header:x-dynamo-parent-session-id', 'body:nvext.agent_context.parent_session_id'],
    final: ['header:x-dynamo-session-final'],
  },
  {
    vendor: 'switchyard', confidence: 0.97,
    session: ['header:x-switchyard-session-id'],
    instance: ['header:x-switchyard-agent-id'],
    parent: ['header:x-switchyard-parent-agent-id'],
    agent: ['header:x-switchyard-agent-role', 'header:x-switchyard-agent-kind'],
    kind: ['header:x-switchyard-agent-kind', 'header:x-switchyard-task-kind'],
    task: ['header:x-switchyard-task-id', 'header:x-switchyard-turn-id'],
    final: ['header:x-switchyard-session-final'],
  },
  { vendor: 'nemo-relay', confidence: 0.97, session: ['header:x-nemo-relay-session-id'], instance: ['header:x-nemo-relay-subagent-id'] },
  {
    vendor: 'claude-code', confidence: 0.96,
    session: ['header:x-claude-code-session-id'],
    instance: ['header:x-claude-code-agent-id'],
    parent: ['header:x-claude-code-parent-agent-id'],
    agent: ['header:x-claude-code-agent-type', 'header:x-claude-code-request-class'],
    kind: ['header:x-claude-code-request-class', 'system-text:cc_is_subagent'],
    task: ['header:x-claude-code-prompt-id'],
  },
  {
    vendor: 'codex', confidence: 0.96,
    when: ['header:x-codex-turn-metadata', 'header:thread-id', 'header:x-codex-window-id', 'header:x-openai-subagent', 'header:session-id', 'header:session_id', 'header:conversation_id', 'body:client_metadata.thread_id', 'body:client_metadata.x-codex-turn-metadata'],
    session: [
      'header:session-id', 'header:session_id', 'header:conversation_id', 'header-json:x-codex-turn-metadata.session_id', 'body:client_metadata.session_id',
      'body-json:client_metadata.x-codex-turn-metadata>session_id', 'header:x-client-request-id',
    ],
    instance: ['header:thread-id', 'header-json:x-codex-turn-metadata.thread_id', 'body:client_metadata.thread_id', 'body-json:client_metadata.x-codex-turn-metadata>thread_id'],
    parent: ['header:x-codex-parent-thread-id', 'header-json:x-codex-turn-metadata.parent_thread_id', 'body-json:client_metadata.x-codex-turn-metadata>parent_thread_id', 'header-json:x-codex-turn-metadata.forked_from_thread_id'],
    agent: ['header-json:x-codex-turn-metadata.agent_role', 'body-json:client_metadata.x-codex-turn-metadata>agent_role', 'header:x-openai-subagent'],
    kind: ['header:x-openai-subagent', 'header-json:x-codex-turn-metadata.subagent_kind', 'header-json:x-codex-turn-metadata.request_kind'],
    task: ['header-json:x-codex-turn-metadata.turn_id', 'header-json:x-codex-turn-metadata.task_id', 'body-json:client_metadata.x-codex-turn-metadata>turn_id'],
  },
  {
    vendor: 'opencode', confidence: 0.95,
    when: ['header:x-opencode-session', 'header:x-opencode-client', 'header:x-opencode-project'],
    session: ['header:x-opencode-session', 'header:x-session-id', 'header:x-session-affinity'],
    parent: ['header:x-parent-session-id'],
  },
  {
    vendor: 'agentic-context', confidence: 0.95,
    session: ['body:vllm_xargs.agentic_context.session_id', 'body:vllm_xargs.agentic_context.program_id'],
    instance: ['body:vllm_xargs.agentic_context.agent_id'],
    parent: ['body:vllm_xargs.agentic_context.parent_program_id'],
    agent: ['body:vllm_xargs.agentic_context.agent_role'],
    kind: ['body:vllm_xargs.agentic_context.spawn_reason'],
    task: ['body:vllm_xargs.agentic_context.task_id'],
  },
  { vendor: 'copilot', confidence: 0.85, session: ['header:vscode-sessionid'], kind: ['header:x-interaction-type', 'header:x-initiator'], task: ['header:x-interaction-id'] },
  {
    vendor: 'litellm', confidence: 0.94,
    when: ['header:x-litellm-trace-id', 'header:x-litellm-session-id', 'header:x-litellm-agent-id', 'body:litellm_session_id'],
    session: ['header:x-litellm-trace-id', 'header:x-litellm-session-id', 'body:litellm_session_id'],
    agent: ['header:x-litellm-agent-id'],
  },
  {
    // The path is the tree: `/outline/lesson` is the agent `lesson`, spawned by `/outline`.
    vendor: 'helicone', confidence: 0.94,
    session: ['header:helicone-session-id'],
    agent: ['header-last-segment:helicone-session-path', 'header:helicone-session-name'],
    instance: ['header:helicone-session-path'],
    parent: ['header-parent-path:helicone-session-path'],
  },
  { vendor: 'portkey', confidence: 0.75, session: ['header:x-portkey-trace-id'] },
  { vendor: 'bifrost', confidence: 0.94, session: ['header:x-bf-session-id'] },
  { vendor: 'merge', confidence: 0.94, session: ['header:x-merge-thread-id'] },
  {
    vendor: 'agent-hint', confidence: 0.94,
    session: ['body:agent_hint.session_id'],
    parent: ['body:agent_hint.parent_session_id'],
  },
  { vendor: 'claude-user-id', confidence: 0.94, session: ['claude-user-id:session_id'], parent: ['claude-user-id:parent_session_id'] },
  { vendor: 'session-header', confidence: 0.93, session: ['header:x-session-id'], parent: ['header:x-parent-session-id'], kind: ['header:x-session-type'] },
  { vendor: 'any-session-header', confidence: 0.92, session: ['any-session-header:'] },
  { vendor: 'session-affinity', confidence: 0.8, session: ['header:x-session-affinity'] },
  { vendor: 'routing-key', confidence: 0.75, session: ['header:x-smg-routing-key'] },
  { vendor: 'body-session', confidence: 0.92, session: ['body:session_id', 'body:vllm_xargs.session_id'], parent: ['body:parent_session_id'] },
  { vendor: 'program', confidence: 0.92, session: ['body:program_id'], final: ['body:program_done'] },
  { vendor: 'conversation', confidence: 0.92, session: ['body:conversation.id', 'body:conversation'] },
  { vendor: 'body-metadata', confidence: 0.92, session: ['body:metadata.session_id', 'body:metadata.langfuse_session_id', 'body:metadata.conversation_id', 'body:metadata.thread_id'] },
  {
    vendor: 'baggage', confidence: 0.92,
    when: ['header:baggage'],
    session: ['baggage:gen_ai.conversation.id', 'baggage:session.id'],
    agent: ['baggage:gen_ai.agent.name'],
    instance: ['baggage:gen_ai.agent.id'],
    kind: ['baggage:gen_ai.operation.name'],
  },
  { vendor: 'a2a', confidence: 0.92, session: ['body:contextId', 'body:params.message.contextId'], task: ['body:taskId', 'body:params.message.taskId'] },
  { vendor: 'mcp', confidence: 0.5, session: ['header:mcp-session-id'], kind: ['header:mcp-method'] },
  { vendor: 'correlation', confidence: 0.4, session: ['header:x-correlation-id'] },
  { vendor: 'prompt-cache-key', confidence: 0.35, session: ['body:prompt_cache_key'] },
  { vendor: 'traceparent', confidence: 0.3, session: ['traceparent:trace-id'] },
  { vendor: 'person', confidence: 0.1, session: ['body:safety_identifier', 'body:user'] },
];
