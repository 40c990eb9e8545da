/**
 * One message of a conversation as it enters the chain of hashes. What clients change when they send a message back is
 * left out: ids, `cache_control` marks, thinking, whether a text is a string or a list of one part. An assistant's text is
 * hashed decoded, for it must equal the answer as it left; other texts as they stand.
 */
import type { Hashing } from '../hashing.ts';
import { JsonScanner, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-scanner.ts';
import { MessagePlaces, type CallPlaces, type PartPlaces } from './message-places.ts';
import { TextBytes } from './text-bytes.ts';

export interface Span { readonly start: number; readonly end: number }

/** A tool call that the conversation remembers, as places in its bytes; -1 where there is none. */
export interface CallPlace {
  readonly id: number;
  readonly name: number;
  /** Of the arguments: a string that holds JSON, or the value itself. */
  readonly args: number;
  readonly argsEnd: number;
}

/** How many of the latest tool calls are kept. */
export const KEPT_CALLS = 4;
/** A tool's result is no user's text, though it may read the same. */
const RESULT = 0x746f6f6cn;
/** smolagents sends calls back as text, as Python prints them: `Calling tools:\n[{'id': 'call_…', …}]`. Of those the ids alone are read. */
const CALLS_AS_TEXT = Buffer.from('Calling tools:');
const ID_AS_TEXT = Buffer.from("{'id': '");
/** Members of parts that differ from one sending of the same message to the next. */
const FLEETING = new Set(['cache_control', 'id', 'status', 'annotations', 'tool_use_id']);

/**
 * The hash of an answer's tool calls, call by call; of an answer as it leaves the same is made.
 * @param call the name, then the arguments without white space
 */
export function extendByCall(callsHash: bigint, call: Uint8Array, hashing: Hashing): bigint {
  return hashing.bytes(call, callsHash + 1n);
}

export class MessageParts {
  readonly places = new MessagePlaces();
  /** Of the assistant's turn that is open: its text so far, and the hash of its calls. */
  readonly text = new TextBytes();
  callsHash = 0n;
  /** Where the first text lies that no model wrote; -1 while there is none. */
  firstText: Span = { start: -1, end: -1 };
  calls: CallPlace[] = [];
  /** Whether the message brought a tool's result. */
  broughtResult = false;
  private readonly hashing: Hashing;
  private readonly squeezed = new TextBytes();
  private bytes: Buffer = Buffer.alloc(0);

  constructor(hashing: Hashing) {
    this.hashing = hashing;
  }

  begin(bytes: Buffer, firstText: Span): void {
    this.bytes = bytes;
    this.firstText = firstText;
    this.calls = [];
    this.endAnswer();
  }

  endAnswer(): void {
    this.text.clear();
    this.callsHash = 0n;
  }

  /** Walks over the message at the scanner and says whose it is. `skip`: reasoning and the like, which clients drop or keep. */
  open(scanner: JsonScanner): 'system' | 'answer' | 'given' | 'skip' {
    const { places } = this;
    this.broughtResult = false;
    places.walk(scanner);
    if (!places.isObject) return 'given';
    const { role, type } = places;
    if (role === 'user' || role === 'tool') return 'given';
    if (role === 'system' || role === 'developer') return 'system';
    if (role === 'assistant' || role === 'model' || type === 'function_call' || type === 'custom_tool_call') return 'answer';
    return role === '' && type !== '' && type !== 'message' && !(places.output >= 0 && type.endsWith('_output')) ? 'skip' : 'given';
  }

  /** Adds the text and calls of the message that is open to its assistant's turn. */
  addAnswer(): void {
    const { content, contentEnd, parts, calls, call, roleAt } = this.places;
    if (content >= 0 && this.bytes[content] === QUOTE) this.addAnswerText(content + 1, contentEnd - 1);
    for (let index = 0; index < parts.count; index++) this.addAnswerPart(parts.items[index]);
    for (let index = 0; index < calls.count; index++) this.addCall(calls.items[index]);
    if (roleAt < 0 || (call.name >= 0 && calls.count === 0 && call.args >= 0)) this.addCall(call);
  }

  private addAnswerPart(part: PartPlaces): void {
    if (!part.isObject) {
      if (this.bytes[part.start] === QUOTE) this.addAnswerText(part.start + 1, part.end - 1);
    } else if (part.type === 'tool_use') this.addCall({ id: part.id, name: part.name, args: part.input, argsEnd: part.inputEnd });
    else if (part.text >= 0 && this.bytes[part.text] === QUOTE) this.addAnswerText(part.text + 1, part.textEnd - 1);
  }

  private addAnswerText(start: number, end: number): void {
    const { bytes } = this;
    this.text.appendEscaped(bytes, start, end);
    if (bytes[start] !== CALLS_AS_TEXT[0] || bytes.compare(CALLS_AS_TEXT, 0, CALLS_AS_TEXT.length, start, Math.min(end, start + CALLS_AS_TEXT.length)) !== 0) return;
    const text = bytes.subarray(start, end);
    // None lies at 0, where the text says what it is.
    const places: number[] = [];
    for (let at = text.lastIndexOf(ID_AS_TEXT); at > 0 && places.length < KEPT_CALLS; at = text.lastIndexOf(ID_AS_TEXT, at - 1)) places.push(at);
    for (const at of places.toReversed()) this.calls.push({ id: start + at + ID_AS_TEXT.length - 1, name: -1, args: -1, argsEnd: -1 });
  }

  private addCall({ id, name, args, argsEnd }: CallPlaces | CallPlace): void {
    const { bytes, squeezed } = this;
    this.calls.push({ id, name, args, argsEnd });
    // Of a call with both, as nearly all are, where nothing is written by its number.
    if (name >= 0 && bytes[name] === QUOTE && args >= 0 && bytes[args] === QUOTE) {
      const hash = this.hashing.body.callHash(name + 1, endOfString(bytes, name) - 1, args + 1, argsEnd - 1, this.callsHash + 1n);
      if (hash !== undefined) {
        this.callsHash = hash;
        return;
      }
    }
    squeezed.clear();
    if (name >= 0 && bytes[name] === QUOTE) squeezed.appendSqueezed(bytes, name + 1, endOfString(bytes, name) - 1);
    squeezed.appendByte(0);
    // A string of arguments holds the JSON text that another dialect would send as a value.
    if (args >= 0 && bytes[args] === QUOTE) squeezed.appendSqueezed(bytes, args + 1, argsEnd - 1);
    else if (args >= 0) {
      squeezed.append(bytes, args, argsEnd);
      squeezed.squeeze();
    }
    this.callsHash = extendByCall(this.callsHash, squeezed.view, this.hashing);
  }

  private piece(start: number, end: number, chain: bigint): bigint {
    return end <= start ? chain : this.hashing.body.hash(start, end, chain);
  }

  private textPiece(start: number, end: number, chain: bigint): bigint {
    if (this.firstText.start < 0 && end > start && !this.broughtResult) this.firstText = { start, end };
    return this.piece(start, end, chain);
  }

  /** The chain after the message that is open, which no model wrote. */
  extend(chain: bigint): bigint {
    const { places, bytes } = this;
    if (!places.isObject) return bytes[places.start] === QUOTE ? this.textPiece(places.start + 1, places.end - 1, chain) : this.piece(places.start, places.end, chain);
    const { role } = places;
    this.broughtResult = places.output >= 0 || role === 'tool' || role === 'function';
    const from = this.broughtResult ? chain ^ RESULT : chain;
    if (places.output >= 0) return this.piece(places.output, places.outputEnd, from);
    if (places.content < 0) return from;
    if (bytes[places.content] === QUOTE) return this.textPiece(places.content + 1, places.contentEnd - 1, from);
    if (bytes[places.content] !== OPEN_ARRAY) return bytes[places.content] === OPEN_OBJECT ? this.piece(places.content, places.contentEnd, from) : from;
    let hash = from;
    for (let index = 0; index < places.parts.count; index++) hash = this.extendByPart(places.parts.items[index], hash);
    return hash;
  }

  private extendByPart(part: PartPlaces, chain: bigint): bigint {
    const { bytes } = this;
    if (!part.isObject) return bytes[part.start] === QUOTE ? this.textPiece(part.start + 1, part.end - 1, chain) : this.piece(part.start, part.end, chain);
    if (part.text >= 0 && bytes[part.text] === QUOTE) return this.textPiece(part.text + 1, part.textEnd - 1, chain);
    if (part.type === 'tool_result') {
      this.broughtResult = true;
      return part.content < 0 ? chain ^ RESULT : this.piece(part.content, part.contentEnd, chain ^ RESULT);
    }
    let hash = chain;
    const members = new JsonScanner(bytes, part.start + 1);
    for (let first = true; ; first = false) {
      const key = members.nextKey(first);
      if (key === undefined) return hash;
      const value = members.at;
      members.skipValue();
      if (!FLEETING.has(key)) hash = this.piece(value, members.at, hash);
    }
  }
}

/** Of a string that was walked over already. */
function endOfString(bytes: Buffer, at: number): number {
  let end = at + 1;
  while (bytes[end] !== QUOTE) end += bytes[end] === 0x5c ? 2 : 1;
  return end + 1;
}
