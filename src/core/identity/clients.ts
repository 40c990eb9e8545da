/**
 * Which program or framework calls, as data: by its own headers, its user agent, or what only its requests look like. It
 * names the client for people and for the coverage report; it is no part of session or agent.
 */
import { readPlace, type Readable } from './readers.ts';
import type { Evidence } from './evidence.ts';

export interface ClientRow {
  readonly client: string;
  /** Places that only this client fills. */
  readonly when?: readonly string[];
  readonly userAgent?: RegExp;
  /** What its requests look like; for frameworks whose user agent is the SDK's. */
  readonly shape?: (call: Readable) => boolean;
  /** How its agents and sessions could be named: shown where they are inferred. */
  readonly mend: string;
}

const OWN_HEADERS = 'send x-entresol-session and x-entresol-agent';
const strings = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** The beginning of the body, where system prompt and first message are. @param words in it a search for words is far quicker than one for a pattern */
const opensWith = ({ outline }: Readable, words: string, pattern?: RegExp): boolean =>
  outline !== undefined && outline.opening.includes(words) && (pattern?.test(outline.opening) ?? true);

/** The first that holds; harnesses before frameworks, those before bare SDKs. */
export const CLIENT_ROWS: readonly ClientRow[] = [
  { client: 'claude-code', when: ['header:x-claude-code-session-id'], userAgent: /^claude-(?:cli|code)\//i, mend: 'set CLAUDE_CODE_GATEWAY_HINT_HEADERS=1 (2.1.273 or newer)' },
  { client: 'codex', when: ['header:x-codex-turn-metadata', 'header:x-codex-window-id', 'header:thread-id'], userAgent: /^codex[_-]/i, mend: 'upgrade Codex: it names thread, parent and role by itself' },
  { client: 'opencode', when: ['header:x-opencode-session', 'header:x-opencode-client'], userAgent: /^opencode\//i, mend: OWN_HEADERS },
  { client: 'copilot', when: ['header:vscode-sessionid'], userAgent: /^GitHubCopilot/i, mend: OWN_HEADERS },
  { client: 'openai-agents', userAgent: /^Agents\/(?:JavaScript|Python)/i, mend: 'pass headers x-entresol-session and x-entresol-agent in the modelSettings (extra_headers) of each agent' },
  { client: 'pydantic-ai', userAgent: /^pydantic-ai\//i, mend: 'set extra_headers x-entresol-session and x-entresol-agent in the model settings of each agent' },
  { client: 'langchain', userAgent: /^(?:langchainjs-|langchain-)/i, mend: 'set default headers x-entresol-agent on each node\'s model, x-entresol-session from thread_id' },
  { client: 'ai-sdk', userAgent: /^(?:ai\/|ai-sdk\/)/i, mend: 'pass headers: {"x-entresol-session", "x-entresol-agent"} in each call or agent' },
  { client: 'litellm', when: ['header:x-litellm-trace-id', 'header:x-litellm-session-id'], userAgent: /^litellm\//i, mend: 'pass extra_headers, or litellm_session_id' },
  { client: 'smolagents', shape: (call) => strings(call.outline?.value('stop')).includes('Calling tools:'), mend: 'pass extra_headers to the model' },
  { client: 'crewai', shape: (call) => opensWith(call, '\\nYour personal goal is: '), mend: 'pass extra_headers to each agent\'s LLM' },
  { client: 'google-adk', shape: (call) => opensWith(call, 'Your internal name is \\"') || opensWith(call, 'For context:', /For context:.{0,200}\[\w+\] (?:said|called tool)/s), mend: 'pass extra_headers to LiteLlm of each agent' },
  { client: 'autogen', shape: (call) => opensWith(call, ', adopting the role of ', /Transferred to \w+, adopting the role of \w+ immediately\./), mend: 'pass default_headers to each model client' },
  {
    // LangChain and LangGraph for Python name themselves nowhere: they ask for raw answers, and write a message's content before its role.
    client: 'langchain-python', mend: 'set default_headers x-entresol-agent on each node\'s model, x-entresol-session from thread_id',
    shape: (call) => call.headers.get('x-stainless-raw-response') === 'true' && opensWith(call, '"messages":[{"content":'),
  },
  { client: 'anthropic-sdk', userAgent: /^(?:Async)?Anthropic\//i, mend: OWN_HEADERS },
  { client: 'openai-sdk', userAgent: /^(?:Async)?OpenAI\//i, mend: OWN_HEADERS },
];

const SHAPE = 'body shape';
/** Shapes are looked for only where the user agent is an SDK's or nobody's. */
const GENERIC_AGENT = /^(?:(?:Async)?OpenAI\/|(?:Async)?Anthropic\/|litellm\/|python-|node|undici|axios|curl|$)/i;

/** @param remembered what an earlier call of the session showed: shapes are looked for once */
export function clientOf(call: Readable, remembered?: Evidence<string>): Evidence<string> | undefined {
  const userAgent = call.headers.get('user-agent') ?? '';
  const mayBeFramework = GENERIC_AGENT.test(userAgent);
  // Frameworks that show in the body alone call through the SDKs and through litellm.
  if (mayBeFramework) {
    const shaped = remembered === undefined ? CLIENT_ROWS.find((row) => row.shape?.(call) === true)?.client : remembered.source === SHAPE ? remembered.value : undefined;
    if (shaped !== undefined) return { value: shaped, source: SHAPE, confidence: 0.8 };
  }
  for (const row of CLIENT_ROWS) {
    const place = row.when?.find((name) => readPlace(call, name) !== undefined);
    if (place !== undefined) return { value: row.client, source: place, confidence: 0.95 };
    if (row.userAgent?.test(userAgent) === true) return { value: row.client, source: 'header:user-agent', confidence: 0.9 };
  }
  return undefined;
}

/** What would name the sessions and agents of a client that does not do so itself. */
export function mendOf(client: string | undefined): string {
  return CLIENT_ROWS.find((row) => row.client === client)?.mend ?? OWN_HEADERS;
}
