/** Reads what identity needs of a body, from its bytes: all of it, or only what is new since a body that began alike. */
import { BoundedMap } from '../../bounded-map.ts';
import { EntresolError } from '../../errors.ts';
import type { Hashing } from '../hashing.ts';
import { Checkpoints, type Checkpoint, type ConversationKind, type Suffix } from './checkpoints.ts';
import { ConversationReader, emptyConversation, type ConversationState } from './conversation.ts';
import { JsonScanner, OPEN_ARRAY, OPEN_OBJECT } from './json-scanner.ts';
import { callIdHashes } from './call-ids.ts';
import { Outline } from './outline.ts';
import { NO_SURROUNDINGS, NO_TOOLS, SurroundingsReader, toolList, type Surroundings } from './surroundings.ts';
import { joinSystem, NO_SYSTEM, SystemTexts } from './system-texts.ts';

/** The stronger one counts where a body has several. */
const RANK: Readonly<Record<ConversationKind, number>> = { prompt: 1, input: 2, messages: 3 };
const isConversation = (name: string): name is ConversationKind => Object.hasOwn(RANK, name);

/** Clients move `cache_control` marks and reminders among the latest messages: reading must be able to begin before those. */
const UNSETTLED_MESSAGES = 5;
/** Of a body itself: each is kept by name and place. */
const MOST_MEMBERS = 1024;
/** Suffixes that many sessions share: tools and settings of an agent. */
const KNOWN_SUFFIXES = 512;

export interface OutlineLimits {
  /** Checkpoints of all sessions together; a session keeps two to four. */
  readonly checkpoints: number;
  /** Checkpoints lie on multiples of this; no body shorter than two of them is worth one. */
  readonly gridBytes: number;
}
export const DEFAULT_OUTLINE_LIMITS: OutlineLimits = { checkpoints: 65_536, gridBytes: 16_384 };

const OTHER_VALUES: Readonly<Record<string, string>> = { '[': 'an array', '"': 'a string', t: 'true', f: 'false', n: 'null', '-': 'a number' };

/** Says by its first byte what a body is that is no object. */
function refuseOther(scanner: JsonScanner): never {
  const first = scanner.peek();
  const letter = String.fromCharCode(Math.max(0, first));
  const what = first < 0 ? 'empty' : /\d/.test(letter) ? 'a number' : OTHER_VALUES[letter];
  if (what !== undefined) throw new EntresolError('ENT_BAD_JSON', `The body is ${what}, not a JSON object.`, { at: 'body' });
  // Some editors put three bytes before a text that say how it is written.
  if (scanner.bytes.readUIntBE(0, Math.min(3, scanner.bytes.length)) === 0xefbbbf) scanner.fail('a byte order mark stands before it');
  scanner.fail(`it begins with ${/[!-~]/.test(letter) ? letter : `the byte 0x${first.toString(16).padStart(2, '0')}`}`);
}

/** The conversation of a body that is being read, and what stood before it. */
interface Conversation {
  readonly kind: ConversationKind;
  readonly start: number;
  readonly end: number;
  readonly before: Surroundings;
  readonly state: ConversationState;
  /** Where the next body of this session may begin to be read, by prefix. */
  readonly places: ReadonlyMap<bigint, ConversationState>;
}

export class OutlineReader {
  readonly checkpoints: Checkpoints;
  private readonly gridBytes: number;
  private readonly hashing: Hashing;
  private readonly conversation: ConversationReader;
  private readonly surroundings: SurroundingsReader;
  private readonly suffixes = new BoundedMap<bigint, Suffix>(KNOWN_SUFFIXES);

  constructor(hashing: Hashing, limits: OutlineLimits = DEFAULT_OUTLINE_LIMITS) {
    this.hashing = hashing;
    this.conversation = new ConversationReader(hashing, new SystemTexts(hashing));
    this.surroundings = new SurroundingsReader(hashing, this.conversation);
    this.checkpoints = new Checkpoints(limits.checkpoints);
    this.gridBytes = limits.gridBytes;
  }

  /**
   * The same whatever was read before; only how much of the body had to be walked differs (`readFrom`).
   * @throws EntresolError `ENT_BAD_JSON`, `ENT_BAD_REQUEST`: no JSON object, or one that is nested too deep or has more parts than any real one
   */
  read(bytes: Buffer): Outline {
    const { body } = this.hashing;
    body.take(bytes);
    const prefixes = bytes.length < 2 * this.gridBytes ? 0 : body.hashPrefixes(this.gridBytes);
    const from = this.checkpoints.find(body, prefixes);
    const scanner = new JsonScanner(bytes, from?.state.offset ?? 0, body);
    let conversation: Conversation | undefined;
    let after = NO_SURROUNDINGS;
    let suffix: Suffix | undefined;
    let regular = true;
    if (from === undefined) {
      if (!scanner.take(OPEN_OBJECT)) refuseOther(scanner);
    } else {
      conversation = this.converse(scanner, from, from.state, prefixes);
      suffix = this.sameSuffix(scanner, from.suffix);
    }
    let members = 0;
    for (let first = from === undefined; suffix === undefined; first = false) {
      const name = scanner.nextKey(first);
      if (name === undefined) break;
      members += 1;
      if (members > MOST_MEMBERS) throw new EntresolError('ENT_BAD_REQUEST', `The body has more than ${MOST_MEMBERS} members.`, { at: 'body' });
      if (isConversation(name) && RANK[name] >= (conversation === undefined ? 0 : RANK[conversation.kind])) {
        regular = conversation === undefined;
        const before = joinWith(conversation, after);
        after = NO_SURROUNDINGS;
        conversation = this.open(scanner, name, before, prefixes);
      } else after = this.surroundings.read(scanner, name, after);
    }
    if (suffix === undefined && scanner.peek() >= 0) scanner.fail('something follows the object');
    if (suffix !== undefined) after = suffix.after;
    else if (conversation !== undefined) after = relative(after, conversation.end);
    if (conversation !== undefined && regular && conversation.places.size > 0) {
      this.keep(conversation, suffix ?? this.suffixOf(bytes, conversation.end, after), from);
    }
    return this.outline(bytes, conversation, after, from?.state.offset ?? 0);
  }

  /** Reads the member of a conversation that has not begun. */
  private open(scanner: JsonScanner, kind: ConversationKind, before: Surroundings, prefixes: number): Conversation {
    const start = scanner.at;
    if (scanner.peek() === OPEN_ARRAY && kind !== 'prompt') {
      scanner.at += 1;
      return this.converse(scanner, { kind, start, before }, emptyConversation(scanner.at), prefixes);
    }
    this.conversation.readText(scanner);
    return { kind, start, end: scanner.at, before, state: this.conversation.last, places: new Map() };
  }

  private converse(scanner: JsonScanner, { kind, start, before }: Pick<Checkpoint, 'kind' | 'start' | 'before'>, from: ConversationState, prefixes: number): Conversation {
    this.conversation.readMessages(scanner, from, kind === 'messages');
    const places = new Map<bigint, ConversationState>();
    if (prefixes > 0) {
      this.addPlace(places, this.conversation.offsetBehind(UNSETTLED_MESSAGES), prefixes);
      this.addPlace(places, scanner.at, prefixes);
    }
    return { kind, start, end: scanner.at, before, state: this.conversation.last, places };
  }

  /** The last boundary at or before the last grid point that lies at or before `offset`. */
  private addPlace(places: Map<bigint, ConversationState>, offset: number, prefixes: number): void {
    const point = Math.min(Math.floor(offset / this.gridBytes), prefixes);
    if (point === 0) return;
    const key = this.hashing.body.prefix(point - 1);
    const state = places.has(key) ? undefined : this.conversation.before(point * this.gridBytes);
    if (state !== undefined) places.set(key, state);
  }

  /** Known, if all bytes from here on are those that followed last time. */
  private sameSuffix(scanner: JsonScanner, known: Suffix): Suffix | undefined {
    const { bytes, at } = scanner;
    return bytes.length - at === known.length && this.hashing.body.hash(at, bytes.length, this.hashing.body.secret) === known.hash ? known : undefined;
  }

  private suffixOf(bytes: Buffer, at: number, after: Surroundings): Suffix {
    const hash = this.hashing.body.hash(at, bytes.length, this.hashing.body.secret);
    const known = this.suffixes.get(hash);
    if (known !== undefined && known.length === bytes.length - at) return known;
    const suffix = { length: bytes.length - at, hash, after };
    this.suffixes.set(hash, suffix);
    return suffix;
  }

  private keep({ kind, start, before, places }: Conversation, suffix: Suffix, from: Checkpoint | undefined): void {
    this.checkpoints.keep(new Map([...places].map(([key, state]) => [key, { kind, start, before, state, suffix }])), from);
  }

  /** @param after what stands after the conversation, counted from its end; of a body without one, everything */
  private outline(bytes: Buffer, conversation: Conversation | undefined, after: Surroundings, readFrom: number): Outline {
    const around = conversation === undefined ? after : joinWith(conversation, relative(after, -conversation.end));
    const state = conversation?.state ?? emptyConversation(0);
    const prompts = joinSystem(around.system ?? NO_SYSTEM, around.instructions ?? NO_SYSTEM, this.hashing);
    return new Outline(bytes, {
      members: around.members,
      kind: conversation?.kind,
      conversation: state,
      callIds: callIdHashes(bytes, state.calls, this.hashing),
      system: joinSystem(prompts, state.system, this.hashing),
      tools: around.functions === undefined ? (around.tools ?? NO_TOOLS) : toolList([...(around.tools ?? NO_TOOLS).names, ...around.functions.names], this.hashing),
    }, readFrom);
  }
}

function joinWith(conversation: Conversation | undefined, after: Surroundings): Surroundings {
  if (conversation === undefined) return after;
  const { before, kind, start, end } = conversation;
  return { ...before, ...after, members: [...before.members, { name: kind, start, end }, ...after.members] };
}

/** The same with places that count from elsewhere. */
function relative(around: Surroundings, origin: number): Surroundings {
  return { ...around, members: around.members.map(({ name, start, end }) => ({ name, start: start - origin, end: end - origin })) };
}
