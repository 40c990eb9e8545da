/** What inference reads of a body, whatever its dialect: chat completions, Anthropic messages, Responses, completions. */
import { EntresolError } from '../../errors.ts';
import type { ConversationKind } from './checkpoints.ts';
import type { ConversationState, Flaw } from './conversation.ts';
import { JsonScanner, QUOTE } from './json-scanner.ts';
import type { CallPlace, Span } from './message-parts.ts';
import type { Member, ToolList } from './surroundings.ts';
import type { SystemText } from './system-texts.ts';
import { TextBytes } from './text-bytes.ts';

export interface OutlinedToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** All facts are of the conversation and its surroundings; texts are read from the bytes when asked for. */
export interface OutlineFacts {
  readonly members: readonly Member[];
  /** Undefined where the body holds no conversation. */
  readonly kind: ConversationKind | undefined;
  readonly conversation: ConversationState;
  /** Hashes of the ids of the latest calls, the latest first; undefined for one that has to be read. */
  readonly callIds: readonly (bigint | undefined)[];
  readonly system: SystemText;
  readonly tools: ToolList;
}

/** Longer first messages are known by their beginning. */
const FIRST_TEXT_BYTES = 65_536;
const OPENING_BYTES = 8192;

const APOSTROPHE = 0x27;
/** Of an id that a text prints. */
const LONGEST_ID = 256;

const TYPES: Readonly<Record<number, 'string' | 'array' | 'object' | 'null'>> = { 0x22: 'string', 0x5b: 'array', 0x7b: 'object', 0x6e: 'null' };

function parsed(bytes: Buffer, { name, start, end }: Member): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EntresolError('ENT_BAD_JSON', `The body is not JSON, within ${JSON.stringify(name)}: ${why.slice(0, 200)}.`, { at: 'body', cause: error });
  }
}

export class Outline {
  readonly bytes: Buffer;
  readonly facts: OutlineFacts;
  /** Bytes before this place were known and not walked again. */
  readonly readFrom: number;
  private readonly values = new Map<string, unknown>();
  private readonly byName: ReadonlyMap<string, Member>;
  private opened: string | undefined;

  constructor(bytes: Buffer, facts: OutlineFacts, readFrom: number) {
    this.bytes = bytes;
    this.facts = facts;
    this.readFrom = readFrom;
    const byName = new Map<string, Member>();
    for (const member of facts.members) byName.set(member.name, member);
    this.byName = byName;
  }

  /** The member of that name; the last one of equal names, which parsers go by. */
  member(name: string): Member | undefined {
    return this.byName.get(name);
  }

  /** What a member is, by its first byte; undefined where there is none. */
  typeOf(name: string): 'string' | 'array' | 'object' | 'null' | 'other' | undefined {
    const member = this.member(name);
    return member === undefined ? undefined : (TYPES[this.bytes[member.start]] ?? 'other');
  }

  /** The value of a member, parsed; undefined where there is none. @throws EntresolError `ENT_BAD_JSON` for a broken string in it */
  value(name: string): unknown {
    if (this.values.has(name)) return this.values.get(name);
    const member = this.member(name);
    const value = member === undefined ? undefined : parsed(this.bytes, member);
    this.values.set(name, value);
    return value;
  }

  get model(): string {
    const model = this.value('model');
    return typeof model === 'string' ? model : '';
  }

  get toolNames(): readonly string[] { return this.facts.tools.names; }
  get hasConversation(): boolean { return this.facts.kind !== undefined; }
  /** Whether the assistant has spoken: otherwise the conversation opens with this call. */
  get answered(): boolean { return this.facts.conversation.answered; }
  /** Of everything but the system prompt. */
  get chain(): bigint { return this.facts.conversation.chain.at(-1) ?? 0n; }
  /** The first message that is not as its dialect wants it. */
  get flaw(): Flaw | undefined { return this.facts.conversation.flaw; }

  private textOf({ start, end }: Span): string {
    if (start < 0) return '';
    const text = new TextBytes();
    text.appendEscaped(this.bytes, start, Math.min(end, start + FIRST_TEXT_BYTES));
    return text.view.toString('utf8');
  }

  /** The beginning of the body, byte by byte. */
  get opening(): string { return (this.opened ??= this.bytes.toString('latin1', 0, Math.min(this.bytes.length, OPENING_BYTES))); }

  /** The first text of the conversation that no model wrote, as it stands in the body. */
  get firstTextBytes(): Buffer {
    const { start, end } = this.facts.conversation.firstText;
    return this.bytes.subarray(Math.max(0, start), Math.min(end, start + FIRST_TEXT_BYTES));
  }
  /** The same decoded. */
  get firstText(): string { return this.textOf(this.facts.conversation.firstText); }

  /** A tool call that the conversation remembers, counted from the latest. */
  toolCall(index: number): OutlinedToolCall {
    const { calls } = this.facts.conversation;
    return this.callAt(calls[calls.length - 1 - index]);
  }

  private callAt({ id, name, args, argsEnd }: CallPlace): OutlinedToolCall {
    // Arguments may be long, and mostly the id is enough.
    const text = (at: number): string => this.stringAt(at);
    const written = (): string => (args < 0 ? '' : this.bytes[args] === QUOTE ? this.stringAt(args) : this.bytes.toString('utf8', args, argsEnd));
    return { id: text(id), get name() { return text(name); }, get arguments() { return written(); } };
  }

  private stringAt(at: number): string {
    if (at >= 0 && this.bytes[at] === APOSTROPHE) return this.printedAt(at);
    if (at < 0 || this.bytes[at] !== QUOTE) return '';
    const scanner = new JsonScanner(this.bytes, at);
    scanner.skipString();
    return scanner.stringAt(at, scanner.at);
  }

  /** A word between apostrophes, within a text that prints calls; empty where it is none. */
  private printedAt(at: number): string {
    const end = this.bytes.indexOf(APOSTROPHE, at + 1);
    return end < 0 || end - at > LONGEST_ID ? '' : this.bytes.toString('latin1', at + 1, end);
  }
}
