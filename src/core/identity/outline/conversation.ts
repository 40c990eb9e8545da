/** The conversation of a body, message by message, from its start or from a boundary between messages that is known. */
import type { Hashing } from '../hashing.ts';
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, type JsonScanner } from './json-scanner.ts';
import { KEPT_CALLS, MessageParts, type CallPlace, type Span } from './message-parts.ts';
import { joinSystem, NO_SYSTEM, type SystemText, type SystemTexts } from './system-texts.ts';

/** How many hashes of the chain are kept: what a client adds in one turn is far less. */
export const CHAIN_TAIL = 12;

/** A message that is not as its dialect wants it. */
export interface Flaw {
  readonly message: number;
  readonly what: 'no object' | 'no role';
}

/** A boundary between two messages, where no assistant's turn is open. */
export interface Boundary {
  /** After the last message that was read. */
  readonly offset: number;
  readonly messages: number;
  /** Whether the assistant has spoken. */
  readonly answered: boolean;
  /** No message but system prompts has come. */
  readonly atHead: boolean;
  readonly system: SystemText;
  /** The first text that no model wrote; -1 while there is none. */
  readonly firstText: Span;
  /** The latest message brought a tool's result. */
  readonly broughtResult: boolean;
  readonly flaw: Flaw | undefined;
}

/** All that reading on from a boundary needs: a few hundred bytes. Places are offsets in the body. */
export interface ConversationState extends Boundary {
  /** The chain of hashes after each of the latest messages, oldest first; the last one covers everything. */
  readonly chain: readonly bigint[];
  /** The latest tool calls of the assistant, oldest first. */
  readonly calls: readonly CallPlace[];
}

const NOWHERE: Span = { start: -1, end: -1 };

export const emptyConversation = (offset: number): ConversationState => ({
  offset, messages: 0, answered: false, atHead: true, system: NO_SYSTEM, firstText: NOWHERE, broughtResult: false, flaw: undefined, chain: [], calls: [],
});

/** The chain after an answer of this text and these calls; of an answer as it leaves the same is made. */
export function extendByAnswer(chain: bigint, text: Uint8Array, callsHash: bigint, hashing: Hashing): bigint {
  return hashing.bytes(text, chain ^ callsHash);
}

/** A boundary while a body is read. */
class Mark {
  offset = 0;
  messages = 0;
  answered = false;
  atHead = true;
  system = NO_SYSTEM;
  firstText: Span = NOWHERE;
  broughtResult = false;
  flaw: Flaw | undefined = undefined;
  /** How many hashes of the chain and how many calls had been read. */
  entries = 0;
  calls = 0;

  /** All but where it lies and how much had been read. */
  continue({ messages, answered, atHead, system, broughtResult, flaw }: Boundary): void {
    this.messages = messages;
    this.answered = answered;
    this.atHead = atHead;
    this.system = system;
    this.broughtResult = broughtResult;
    this.flaw = flaw;
  }
}

/** Kept from body to body; of a very long one they are let go. */
const KEPT_MARKS = 1024;

export class ConversationReader {
  private readonly hashing: Hashing;
  private readonly systems: SystemTexts;
  private readonly parts: MessageParts;
  private from: ConversationState = emptyConversation(0);
  private entries: bigint[] = [];
  private marks: Mark[] = [];
  private markCount = 0;
  private readonly now = new Mark();
  private answering = false;

  constructor(hashing: Hashing, systems: SystemTexts) {
    this.hashing = hashing;
    this.systems = systems;
    this.parts = new MessageParts(hashing);
  }

  /**
   * Reads to the end of the array that the scanner stands in: at its first entry or after the message where `from` ends.
   * @param strict entries must be objects with a role
   */
  readMessages(scanner: JsonScanner, from: ConversationState, strict: boolean): void {
    this.begin(scanner, from);
    let end = scanner.at;
    for (let first = from.messages === 0; scanner.nextEntry(first); first = false) {
      this.readMessage(scanner, strict);
      end = scanner.at;
      if (!this.answering) this.mark(end);
    }
    // A turn that ends with the body may go on in the next one: the state at the end is no boundary to read on from.
    this.closeAnswer();
    this.settle(this.now, end);
  }

  /** Reads a conversation that is one text, or no text at all. */
  readText(scanner: JsonScanner): void {
    this.begin(scanner, emptyConversation(scanner.at));
    const start = scanner.at;
    scanner.skipValue();
    if (scanner.bytes[start] === QUOTE) this.parts.firstText = { start: start + 1, end: scanner.at - 1 };
    this.push(this.hashing.body.hash(start, scanner.at, 0n));
    this.now.messages = 1;
    this.now.atHead = false;
    this.settle(this.now, scanner.at);
  }

  /** The state at the end. */
  get last(): ConversationState { return this.stateOf(this.now); }

  /** Where the last boundary lies that leaves out the `behind` latest messages; 0 if there is none. */
  offsetBehind(behind: number): number {
    const limit = this.now.messages - behind;
    let index = this.markCount - 1;
    while (index >= 0 && this.marks[index].messages > limit) index -= 1;
    return index < 0 ? 0 : this.marks[index].offset;
  }

  /** The state at the last boundary at or before `offset`. */
  before(offset: number): ConversationState | undefined {
    let index = this.markCount - 1;
    while (index >= 0 && this.marks[index].offset > offset) index -= 1;
    return index < 0 ? undefined : this.stateOf(this.marks[index]);
  }

  private begin(scanner: JsonScanner, from: ConversationState): void {
    const { now } = this;
    this.from = from;
    now.continue(from);
    this.parts.begin(scanner.bytes, from.firstText);
    this.entries = [];
    this.answering = false;
    if (this.marks.length > KEPT_MARKS) this.marks = [];
    this.markCount = 0;
    if (from.messages > 0) this.mark(from.offset);
  }

  private readMessage(scanner: JsonScanner, strict: boolean): void {
    const { parts, now } = this;
    const whose = parts.open(scanner);
    if (strict && now.flaw === undefined && scanner.bytes[parts.places.roleAt] !== QUOTE) now.flaw = { message: now.messages, what: parts.places.isObject ? 'no role' : 'no object' };
    now.messages += 1;
    if (whose === 'skip') return;
    if (whose === 'system') {
      // A system message in mid-conversation is a reminder: it names no role, and later turns may come without it.
      if (now.atHead) now.system = joinSystem(now.system, this.readSystem(scanner, parts.places.content), this.hashing);
      return;
    }
    now.atHead = false;
    if (whose === 'answer') {
      now.answered = true;
      now.broughtResult = false;
      this.answering = true;
      parts.addAnswer();
      return;
    }
    this.closeAnswer();
    this.push(parts.extend(this.chain));
    now.broughtResult = parts.broughtResult;
  }

  /** The system text at a place: a string, or a list of texts. */
  readSystem(scanner: JsonScanner, at: number): SystemText {
    if (at < 0) return NO_SYSTEM;
    const inner = scanner.from(at);
    const kind = inner.peek();
    if (kind === QUOTE) {
      inner.skipString();
      return this.systems.read(inner.bytes, at + 1, inner.at - 1);
    }
    if (kind !== OPEN_ARRAY) return NO_SYSTEM;
    let system = NO_SYSTEM;
    inner.at += 1;
    for (let first = true; inner.nextEntry(first); first = false) {
      const start = inner.at;
      const text = inner.peek() === OPEN_OBJECT ? inner.memberAt('text') : start;
      if (text === start) inner.skipValue();
      if (text >= 0 && inner.bytes[text] === QUOTE) system = joinSystem(system, this.readSystem(inner, text), this.hashing);
    }
    return system;
  }

  private get chain(): bigint { return this.entries.at(-1) ?? this.from.chain.at(-1) ?? 0n; }

  private push(chain: bigint): void {
    this.entries.push(chain);
  }

  private closeAnswer(): void {
    if (!this.answering) return;
    this.answering = false;
    this.push(extendByAnswer(this.chain, this.parts.text.trimmed, this.parts.callsHash, this.hashing));
    this.parts.endAnswer();
  }

  /** What has been read so far ends at `offset`. */
  private settle(now: Mark, offset: number): void {
    now.offset = offset;
    now.firstText = this.parts.firstText;
    now.entries = this.entries.length;
    now.calls = this.parts.calls.length;
  }

  private mark(offset: number): void {
    const { now } = this;
    if (this.markCount === this.marks.length) this.marks.push(new Mark());
    const mark = this.marks[this.markCount++];
    mark.continue(now);
    this.settle(mark, offset);
  }

  private stateOf({ offset, messages, answered, atHead, system, firstText, broughtResult, flaw, entries, calls }: Mark): ConversationState {
    return {
      offset, messages, answered, atHead, system, firstText, broughtResult, flaw,
      chain: latest(this.from.chain, this.entries, entries, CHAIN_TAIL), calls: latest(this.from.calls, this.parts.calls, calls, KEPT_CALLS),
    };
  }
}

/** The latest `kept` of `before` and then the first `count` of `read`. */
function latest<Item>(before: readonly Item[], read: readonly Item[], count: number, kept: number): readonly Item[] {
  if (count >= kept) return read.slice(count - kept, count);
  return count === 0 && before.length <= kept ? before : before.slice(-(kept - count)).concat(read.slice(0, count));
}
