/** Wires of Claude Code, Codex and OpenCode, as their documentation has them. */
import type { Dialect } from '../../../src/core/index.ts';
import type { OpenAiKind } from '../../../src/engines/openai/engine.ts';
import { SIMULATED_MODEL } from '../../../src/engines/simulated/engine.ts';

export interface Wire {
  readonly name: string;
  readonly dialect: Dialect;
  readonly hosted: OpenAiKind;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
  /** Who is calling, by its own headers. */
  readonly by: object;
  /** Its headers that tell of it, which engines of one's own do not get. */
  readonly own: RegExp;
  readonly leftOut: string | null;
}

const ephemeral = { cache_control: { type: 'ephemeral' } };
const schema = { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'], additionalProperties: false };
const model = SIMULATED_MODEL;

export const WIRES: readonly Wire[] = [
  {
    name: 'Claude Code, a sub-agent', dialect: 'messages', hosted: 'anthropic', path: '/v1/messages?beta=true',
    headers: {
      authorization: 'Bearer none', 'user-agent': 'claude-cli/2.1.290 (external, cli)', 'x-app': 'cli', 'anthropic-version': '2023-06-01', 'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27',
      'x-claude-code-session-id': '0a1b2c3d-1111-4222-8333-444455556666', 'x-claude-code-agent-id': 'agent-7f3e', 'x-claude-code-request-class': 'subagent', 'x-claude-code-agent-type': 'Explore', 'x-claude-code-prev-tool-durations': 'Bash=742;Read=9',
    },
    body: {
      model, max_tokens: 32_000, stream: true,
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.290.a1b; cc_entrypoint=cli; cch=00000; cc_is_subagent=true' },
        { type: 'text', text: 'You are Claude Code, a command line tool that helps with code.', ...ephemeral },
        { type: 'text', text: 'You are a file search specialist.', ...ephemeral },
      ],
      messages: [{ role: 'user', content: [{ type: 'text', text: '<system-reminder>\nToday is a day.\n</system-reminder>' }, { type: 'text', text: 'Find the retention index.', ...ephemeral }] }],
      tools: [{ name: 'lookup', description: 'Looks up.', input_schema: schema, ...ephemeral }],
      metadata: { user_id: JSON.stringify({ device_id: 'd', account_uuid: '', session_id: '0a1b2c3d-1111-4222-8333-444455556666' }) },
      thinking: { type: 'adaptive' }, output_config: { effort: 'high' }, context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    },
    by: { session: '0a1b2c3d-1111-4222-8333-444455556666', instance: 'agent-7f3e' }, own: /^x-claude-code-/,
    leftOut: 'cache_control, context_management, metadata, thinking, x-anthropic-billing-header',
  },
  {
    name: 'Codex', dialect: 'responses', hosted: 'openai', path: '/v1/responses',
    headers: {
      authorization: 'Bearer none', 'user-agent': 'codex_cli_rs/0.154.0 (Debian 12; x86_64) xterm', originator: 'codex_cli_rs', accept: 'text/event-stream',
      'session-id': '019a-session', 'thread-id': '019a-thread', 'x-codex-window-id': '019a-thread:0', 'x-codex-turn-metadata': JSON.stringify({ session_id: '019a-session', thread_id: '019a-thread', turn_id: 't1' }),
    },
    body: {
      model, instructions: 'You are Codex, a coding agent.', store: false, stream: true, parallel_tool_calls: true, tool_choice: 'auto', include: ['reasoning.encrypted_content'], prompt_cache_key: '019a-thread',
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: '<permissions>read only</permissions>' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: '<environment_context><cwd>/src</cwd></environment_context>' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Find the retention index.' }] },
      ],
      tools: [
        { type: 'function', name: 'lookup', description: 'Looks up.', strict: false, parameters: schema },
        { type: 'custom', name: 'apply_patch', description: 'Edits files.', format: { type: 'grammar', syntax: 'lark', definition: 'start: begin_patch hunk+ end_patch' } },
        { type: 'web_search', external_web_access: false },
        { type: 'image_generation', output_format: 'png' },
        { type: 'namespace', name: 'mcp__docs', description: 'Documents.', tools: [{ type: 'function', name: 'read', strict: false, parameters: schema }] },
      ],
      reasoning: { effort: 'medium', summary: 'auto' }, text: { verbosity: 'low' }, client_metadata: { 'x-codex-installation-id': 'i' },
    },
    by: { session: '019a-session', instance: '019a-thread' }, own: /^x-codex-/,
    leftOut: 'client_metadata, namespace.description, prompt_cache_key, summary, tools.image_generation, tools.web_search, verbosity',
  },
  {
    name: 'OpenCode, a sub-agent', dialect: 'chat', hosted: 'openai', path: '/v1/chat/completions',
    headers: {
      authorization: 'Bearer none', 'user-agent': 'opencode/1.4.2 ai-sdk/provider-utils/4.0.9 runtime/bun/1.3.0', 'x-session-id': 'ses_child', 'x-session-affinity': 'ses_child', 'x-parent-session-id': 'ses_root', 'x-opencode-session': 'ses_child', 'x-opencode-client': 'cli', 'x-opencode-project': 'p',
    },
    body: {
      model, max_tokens: 32_000, temperature: 0, stream: true, stream_options: { include_usage: true }, tool_choice: 'auto',
      messages: [{ role: 'system', content: 'You are opencode.' }, { role: 'user', content: 'Find the retention index.' }],
      tools: [{ type: 'function', function: { name: 'lookup', description: 'Looks up.', parameters: schema } }],
    },
    by: { session: 'ses_child', parent: 'ses_root' }, own: /^x-opencode-/, leftOut: null,
  },
];
