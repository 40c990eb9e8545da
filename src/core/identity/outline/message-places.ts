/**
 * Where in its bytes the parts of one message lie, whatever its dialect: found in one walk over the message, before it is
 * known whose it is (members come in any order). Objects are used again from message to message.
 */
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, type JsonScanner } from './json-scanner.ts';
import { END, firstByteOf, keyOf, NEXT, NOTE, START, wordNumber, wordOf } from './words.ts';

const ROLE = wordNumber('role');
const CONTENT = wordNumber('content');
const TYPE = wordNumber('type');
const TEXT = wordNumber('text');
const ID = wordNumber('id');
const NAME = wordNumber('name');
const INPUT = wordNumber('input');
const ARGUMENTS = wordNumber('arguments');
const FUNCTION = wordNumber('function');
const TOOL_CALLS = wordNumber('tool_calls');
const FUNCTION_CALL = wordNumber('function_call');
const CALL_ID = wordNumber('call_id');
const OUTPUT = wordNumber('output');

/** The string at a note, as `JsonScanner.wordAt` gives it. */
function wordAt(scanner: JsonScanner, notes: Int32Array, at: number): string {
  const note = notes[at];
  return firstByteOf(note) === QUOTE ? (wordOf(note) ?? scanner.wordAt(notes[at + START])) : '';
}

/** -1: none. Ends are after the value. */
const NONE = -1;

/** A part of a content: a text, a tool's use or result, an image. */
export class PartPlaces {
  start = NONE;
  end = NONE;
  isObject = false;
  type = '';
  text = NONE;
  textEnd = NONE;
  id = NONE;
  name = NONE;
  input = NONE;
  inputEnd = NONE;
  content = NONE;
  contentEnd = NONE;

  walk(scanner: JsonScanner): void {
    this.start = scanner.at;
    this.clear();
    this.isObject = scanner.peek() === OPEN_OBJECT;
    if (this.isObject) this.walkMembers(scanner);
    else scanner.skipValue();
    this.end = scanner.at;
  }

  private clear(): void {
    this.type = '';
    this.text = this.id = this.name = this.input = this.content = NONE;
  }

  /** The same from what was noted of the part at `at`. */
  read(scanner: JsonScanner, notes: Int32Array, at: number): void {
    this.clear();
    this.start = notes[at + START];
    this.end = notes[at + END];
    this.isObject = firstByteOf(notes[at]) === OPEN_OBJECT;
    if (!this.isObject) return;
    for (let member = at + NOTE; member < notes[at + NEXT]; member = notes[member + NEXT]) {
      const start = notes[member + START];
      switch (keyOf(notes[member])) {
        case TYPE: this.type = wordAt(scanner, notes, member); break;
        case TEXT: this.text = start; this.textEnd = notes[member + END]; break;
        case ID: this.id = start; break;
        case NAME: this.name = start; break;
        case INPUT: this.input = start; this.inputEnd = notes[member + END]; break;
        case CONTENT: this.content = start; this.contentEnd = notes[member + END]; break;
        default:
      }
    }
  }

  private walkMembers(scanner: JsonScanner): void {
    scanner.at += 1;
    for (let first = true; ; first = false) {
      const key = scanner.nextKey(first);
      if (key === undefined) return;
      const at = scanner.at;
      scanner.skipValue();
      switch (key) {
        case 'type': this.type = scanner.wordAt(at); break;
        case 'text': this.text = at; this.textEnd = scanner.at; break;
        case 'id': this.id = at; break;
        case 'name': this.name = at; break;
        case 'input': this.input = at; this.inputEnd = scanner.at; break;
        case 'content': this.content = at; this.contentEnd = scanner.at; break;
        default:
      }
    }
  }
}

/** A tool call as chat completions and Responses write it. */
export class CallPlaces {
  id = NONE;
  name = NONE;
  args = NONE;
  argsEnd = NONE;

  clear(): void {
    this.id = this.name = this.args = this.argsEnd = NONE;
  }

  /** An entry of `tool_calls`: `{id, function: {name, arguments}}`. */
  walkEntry(scanner: JsonScanner): void {
    this.clear();
    if (scanner.peek() !== OPEN_OBJECT) {
      scanner.skipValue();
      return;
    }
    scanner.at += 1;
    for (let first = true; ; first = false) {
      const key = scanner.nextKey(first);
      if (key === undefined) return;
      const at = scanner.at;
      if (key === 'function') this.walkFunction(scanner);
      else scanner.skipValue();
      if (key === 'id') this.id = at;
    }
  }

  /** The same from what was noted of the entry at `at`. */
  readEntry(notes: Int32Array, at: number): void {
    this.clear();
    if (firstByteOf(notes[at]) !== OPEN_OBJECT) return;
    for (let member = at + NOTE; member < notes[at + NEXT]; member = notes[member + NEXT]) {
      const key = keyOf(notes[member]);
      if (key === ID) this.id = notes[member + START];
      else if (key === FUNCTION) this.readFunction(notes, member);
    }
  }

  readFunction(notes: Int32Array, at: number): void {
    this.name = this.args = NONE;
    if (firstByteOf(notes[at]) !== OPEN_OBJECT) return;
    for (let member = at + NOTE; member < notes[at + NEXT]; member = notes[member + NEXT]) {
      const key = keyOf(notes[member]);
      if (key === NAME) this.name = notes[member + START];
      else if (key === ARGUMENTS) {
        this.args = notes[member + START];
        this.argsEnd = notes[member + END];
      }
    }
  }

  /** `{name, arguments}` */
  walkFunction(scanner: JsonScanner): void {
    this.name = this.args = NONE;
    if (scanner.peek() !== OPEN_OBJECT) {
      scanner.skipValue();
      return;
    }
    scanner.at += 1;
    for (let first = true; ; first = false) {
      const key = scanner.nextKey(first);
      if (key === undefined) return;
      const at = scanner.at;
      scanner.skipValue();
      if (key === 'name') this.name = at;
      else if (key === 'arguments') {
        this.args = at;
        this.argsEnd = scanner.at;
      }
    }
  }
}

const MAXIMUM_POOLED = 1024;

/** Grows to the list that came, and is then used again. */
class Pool<Item> {
  items: Item[] = [];
  count = 0;
  private readonly make: () => Item;

  constructor(make: () => Item) {
    this.make = make;
  }

  clear(): void {
    this.count = 0;
    if (this.items.length > MAXIMUM_POOLED) this.items = [];
  }

  next(): Item {
    if (this.count === this.items.length) this.items.push(this.make());
    return this.items[this.count++];
  }
}

export class MessagePlaces {
  start = NONE;
  end = NONE;
  isObject = false;
  roleAt = NONE;
  /** '' where it is no string. */
  role = '';
  type = '';
  content = NONE;
  contentEnd = NONE;
  output = NONE;
  outputEnd = NONE;
  /** Of a call that is an item of its own (Responses), or the only one of a message (the older `function_call`). */
  readonly call = new CallPlaces();
  readonly parts = new Pool(() => new PartPlaces());
  readonly calls = new Pool(() => new CallPlaces());

  walk(scanner: JsonScanner): void {
    const { body } = scanner;
    const end = body?.outline(scanner.at) ?? -1;
    this.clear();
    if (body !== undefined && end >= 0) {
      this.read(scanner, body.notes);
      scanner.at = end;
      return;
    }
    this.start = scanner.at;
    this.isObject = scanner.peek() === OPEN_OBJECT;
    if (this.isObject) this.walkMembers(scanner);
    else scanner.skipValue();
    this.end = scanner.at;
  }

  private clear(): void {
    this.role = this.type = '';
    this.roleAt = this.content = this.output = NONE;
    this.call.clear();
    this.parts.clear();
    this.calls.clear();
  }

  private read(scanner: JsonScanner, notes: Int32Array): void {
    this.start = notes[START];
    this.end = notes[END];
    this.isObject = firstByteOf(notes[0]) === OPEN_OBJECT;
    if (!this.isObject) return;
    const { call } = this;
    for (let at = NOTE; at < notes[NEXT]; at = notes[at + NEXT]) {
      const start = notes[at + START];
      switch (keyOf(notes[at])) {
        case ROLE:
          this.roleAt = start;
          this.role = wordAt(scanner, notes, at);
          break;
        case CONTENT:
          this.content = start;
          this.contentEnd = notes[at + END];
          this.parts.clear();
          if (firstByteOf(notes[at]) === OPEN_ARRAY) for (let part = at + NOTE; part < notes[at + NEXT]; part = notes[part + NEXT]) this.parts.next().read(scanner, notes, part);
          break;
        case TOOL_CALLS:
          this.calls.clear();
          if (firstByteOf(notes[at]) === OPEN_ARRAY) for (let entry = at + NOTE; entry < notes[at + NEXT]; entry = notes[entry + NEXT]) this.calls.next().readEntry(notes, entry);
          break;
        case FUNCTION_CALL: call.readFunction(notes, at); break;
        case TYPE: this.type = wordAt(scanner, notes, at); break;
        case CALL_ID: call.id = start; break;
        case NAME: call.name = start; break;
        case ARGUMENTS: case INPUT: call.args = start; call.argsEnd = notes[at + END]; break;
        case OUTPUT: this.output = start; this.outputEnd = notes[at + END]; break;
        default:
      }
    }
  }

  private walkMembers(scanner: JsonScanner): void {
    scanner.at += 1;
    for (let first = true; ; first = false) {
      const key = scanner.nextKey(first);
      if (key === undefined) return;
      const at = scanner.at;
      switch (key) {
        case 'content':
          this.content = at;
          this.walkParts(scanner);
          this.contentEnd = scanner.at;
          break;
        case 'tool_calls': this.walkCalls(scanner); break;
        case 'function_call': this.call.walkFunction(scanner); break;
        default: scanner.skipValue();
      }
      switch (key) {
        case 'role':
          this.roleAt = at;
          this.role = scanner.wordAt(at);
          break;
        case 'type': this.type = scanner.wordAt(at); break;
        case 'call_id': this.call.id = at; break;
        case 'name': this.call.name = at; break;
        case 'arguments': case 'input': this.call.args = at; this.call.argsEnd = scanner.at; break;
        case 'output': this.output = at; this.outputEnd = scanner.at; break;
        default:
      }
    }
  }

  private walkParts(scanner: JsonScanner): void {
    this.parts.clear();
    if (scanner.peek() !== OPEN_ARRAY) {
      scanner.skipValue();
      return;
    }
    scanner.at += 1;
    for (let first = true; scanner.nextEntry(first); first = false) this.parts.next().walk(scanner);
  }

  private walkCalls(scanner: JsonScanner): void {
    this.calls.clear();
    if (scanner.peek() !== OPEN_ARRAY) {
      scanner.skipValue();
      return;
    }
    scanner.at += 1;
    for (let first = true; scanner.nextEntry(first); first = false) this.calls.next().walkEntry(scanner);
  }
}
