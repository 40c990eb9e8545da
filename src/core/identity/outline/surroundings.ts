/** The members of a body around its conversation: where each lies, and what identity reads of system prompt and tools. */
import type { Hashing } from '../hashing.ts';
import type { ConversationReader } from './conversation.ts';
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, type JsonScanner } from './json-scanner.ts';
import { KnownValues } from './known-values.ts';
import { NO_SYSTEM, type SystemText } from './system-texts.ts';

export interface Member {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface ToolList {
  /** In the client's order. */
  readonly names: readonly string[];
  /** The same for the same names in any order. */
  readonly digest: bigint;
}

/** Members that stand together before or after the conversation; of equal names the last counts. */
export interface Surroundings {
  readonly members: readonly Member[];
  /** `system` of Anthropic, `instructions` of Responses. */
  readonly system?: SystemText;
  readonly instructions?: SystemText;
  readonly tools?: ToolList;
  readonly functions?: ToolList;
}

export const NO_TOOLS: ToolList = { names: [], digest: 0n };
export const NO_SURROUNDINGS: Surroundings = { members: [] };

const KNOWN_TOOL_LISTS = 512;
/** Lists are kept by the hundred. No API takes as many tools, nor names as long. */
const MOST_TOOLS = 1024;
const LONGEST_TOOL_NAME_BYTES = 256;

/** The name of a tool, whatever its dialect: OpenAI's `function.name`, Anthropic's and Responses' `name`, else the type of one that the server has. */
function toolName(scanner: JsonScanner): string {
  if (scanner.peek() !== OPEN_OBJECT) {
    scanner.skipValue();
    return '';
  }
  let name = '';
  let type = '';
  let inner = '';
  scanner.at += 1;
  for (let first = true; ; first = false) {
    const key = scanner.nextKey(first);
    if (key === undefined) return inner || name || type;
    const start = scanner.at;
    const opensText = scanner.peek() === QUOTE;
    scanner.skipValue();
    const isText = opensText && scanner.at - start <= LONGEST_TOOL_NAME_BYTES;
    if (isText && key === 'name') name = scanner.stringAt(start, scanner.at);
    else if (isText && key === 'type') type = scanner.stringAt(start, scanner.at);
    else if (key === 'function' && scanner.bytes[start] === OPEN_OBJECT) {
      const at = scanner.from(start).memberAt('name');
      if (at >= 0 && scanner.bytes[at] === QUOTE) {
        const text = scanner.from(at);
        text.skipString();
        inner = text.at - at <= LONGEST_TOOL_NAME_BYTES ? text.stringAt(at, text.at) : '';
      }
    }
  }
}

export function toolList(names: readonly string[], hashing: Hashing): ToolList {
  let digest = 0n;
  for (const name of new Set(names)) digest = BigInt.asUintN(64, digest + hashing.bytes(Buffer.from(name), 1n));
  return { names, digest };
}

export class SurroundingsReader {
  private readonly hashing: Hashing;
  private readonly tools: KnownValues<ToolList>;
  private readonly systems: KnownValues<SystemText>;
  private readonly conversation: ConversationReader;

  constructor(hashing: Hashing, conversation: ConversationReader) {
    this.hashing = hashing;
    this.tools = new KnownValues(hashing, KNOWN_TOOL_LISTS);
    this.systems = new KnownValues(hashing, KNOWN_TOOL_LISTS);
    this.conversation = conversation;
  }

  /** Reads the value of the member `name` at the scanner, and adds it. */
  read(scanner: JsonScanner, name: string, into: Surroundings): Surroundings {
    const start = scanner.at;
    const kind = scanner.peek();
    if (name === 'tools' || name === 'functions') {
      const list = kind === OPEN_ARRAY ? this.readTools(scanner) : NO_TOOLS;
      if (kind !== OPEN_ARRAY) scanner.skipValue();
      return { ...into, [name]: list, members: [...into.members, { name, start, end: scanner.at }] };
    }
    let system: SystemText | undefined;
    if (name === 'system' || name === 'instructions') system = this.readSystem(scanner, kind);
    else scanner.skipValue();
    const members = [...into.members, { name, start, end: scanner.at }];
    return system === undefined ? { ...into, members } : { ...into, members, [name]: system };
  }

  private readTools(scanner: JsonScanner): ToolList {
    const start = scanner.at;
    const known = this.tools.find(scanner.bytes.length, start);
    if (known !== undefined) {
      scanner.at = known.end;
      return known.value;
    }
    const names: string[] = [];
    scanner.at += 1;
    for (let first = true; scanner.nextEntry(first); first = false) {
      const name = toolName(scanner);
      if (name !== '' && names.length < MOST_TOOLS) names.push(name);
    }
    const list = toolList(names, this.hashing);
    this.tools.keep(start, scanner.at, list);
    return list;
  }

  private readSystem(scanner: JsonScanner, kind: number): SystemText {
    const start = scanner.at;
    const listed = kind === OPEN_ARRAY;
    const known = listed ? this.systems.find(scanner.bytes.length, start) : undefined;
    if (known !== undefined) {
      scanner.at = known.end;
      return known.value;
    }
    scanner.skipValue();
    const text = kind === QUOTE || listed ? this.conversation.readSystem(scanner, start) : NO_SYSTEM;
    if (listed) this.systems.keep(start, scanner.at, text);
    return text;
  }
}
