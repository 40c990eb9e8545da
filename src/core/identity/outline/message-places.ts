/**
 * Where in its bytes the parts of one message lie, whatever its dialect: found in one walk over the message, before it is
 * known whose it is (members come in any order). Objects are used again from message to message.
 */
import { OPEN_ARRAY, OPEN_OBJECT, type JsonScanner } from './json-scanner.ts';

/** -1: none. Ends are after the value. */
const NONE = -1;

/** A part of a content: a text, a tool's use or result, an image. */
export class PartPlaces {
  start = NONE;
  end = NONE;
  isObject = false;
  type = NONE;
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
    this.type = this.text = this.id = this.name = this.input = this.content = NONE;
    this.isObject = scanner.peek() === OPEN_OBJECT;
    if (this.isObject) this.walkMembers(scanner);
    else scanner.skipValue();
    this.end = scanner.at;
  }

  private walkMembers(scanner: JsonScanner): void {
    scanner.at += 1;
    for (let first = true; ; first = false) {
      const key = scanner.nextKey(first);
      if (key === undefined) return;
      const at = scanner.at;
      scanner.skipValue();
      switch (key) {
        case 'type': this.type = at; break;
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
  role = NONE;
  type = NONE;
  content = NONE;
  contentEnd = NONE;
  output = NONE;
  outputEnd = NONE;
  /** Of a call that is an item of its own (Responses), or the only one of a message (the older `function_call`). */
  readonly call = new CallPlaces();
  readonly parts = new Pool(() => new PartPlaces());
  readonly calls = new Pool(() => new CallPlaces());

  walk(scanner: JsonScanner): void {
    this.start = scanner.at;
    this.role = this.type = this.content = this.output = NONE;
    this.call.clear();
    this.parts.clear();
    this.calls.clear();
    this.isObject = scanner.peek() === OPEN_OBJECT;
    if (this.isObject) this.walkMembers(scanner);
    else scanner.skipValue();
    this.end = scanner.at;
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
        case 'role': this.role = at; break;
        case 'type': this.type = at; break;
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
