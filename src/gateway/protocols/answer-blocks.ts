/**
 * The blocks of an answer, one after the other. Chat completions may weave the pieces of parallel tool calls and of
 * text into each other; Messages and Responses write a block to its end before the next one begins. So the first
 * unfinished block streams as it comes, and what comes for later ones waits for it.
 */
import { JsonEnd } from '../tap/json-end.ts';

export interface TextBlock {
  readonly kind: 'text' | 'reasoning' | 'refusal';
  readonly index: number;
  text: string;
}
export interface ToolBlock {
  readonly kind: 'tool';
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** The arguments, as JSON text. */
  text: string;
}
export type Block = TextBlock | ToolBlock;

/** Hears of blocks in order, each from its opening to its close. */
export interface BlockListener {
  opened(block: Block): void;
  /** `block.text` does not hold the piece yet. */
  grew(block: Block, piece: string): void;
  closed(block: Block): void;
}

interface Waiting {
  readonly block: Block;
  readonly call?: number;
  readonly end: JsonEnd;
  waiting: string;
  opened: boolean;
}

export interface CallPiece {
  readonly id: string;
  readonly name: string;
  readonly piece: string;
}

/** Of all text and arguments of one answer, in characters. */
const MAXIMUM_CHARACTERS = 64 * 1024 * 1024;

export class AnswerBlocks {
  /** All that have begun, in order. */
  readonly blocks: Block[] = [];
  private readonly listener: BlockListener;
  private readonly newCallId: () => string;
  private queue: Waiting[] = [];
  private characters = 0;

  /** @param newCallId for servers that give their calls no ids */
  constructor(listener: BlockListener, newCallId: () => string) {
    this.listener = listener;
    this.newCallId = newCallId;
  }

  /** The answer has grown beyond what is kept of one: it cannot be written to its end. */
  get overfull(): boolean { return this.characters > MAXIMUM_CHARACTERS; }

  text(kind: TextBlock['kind'], piece: string): void {
    if (piece === '' || !this.hasRoom(piece)) return;
    let last = this.queue.at(-1);
    if (last === undefined || last.block.kind !== kind) last = this.begin({ kind, index: this.blocks.length, text: '' });
    this.add(last, piece);
  }

  /** @param call the server's number of the call within the answer */
  toolCall(call: number, { id, name, piece }: CallPiece): void {
    if (!this.hasRoom(piece)) return;
    let open = this.queue.findLast((waiting) => waiting.call === call);
    // Some servers number all their calls 0: an id of its own tells the next one.
    if (open?.block.kind === 'tool' && id !== '' && name !== '' && open.block.id !== id) open = undefined;
    if (open === undefined) {
      // A call has its name in its first piece; what has none belongs to a call that has been closed.
      if (name === '') return;
      open = this.begin({ kind: 'tool', index: this.blocks.length, id: id === '' ? this.newCallId() : id, name, text: '' }, call);
    }
    if (piece !== '') this.add(open, piece);
  }

  /** No more comes: whatever waits is written, and all is closed. */
  finish(): void {
    while (this.queue.length > 0) this.closeFirst();
  }

  private hasRoom(piece: string): boolean {
    this.characters += piece.length;
    return !this.overfull;
  }

  private begin(block: Block, call?: number): Waiting {
    const entry: Waiting = { block, end: new JsonEnd(), waiting: '', opened: false, ...(call === undefined ? {} : { call }) };
    this.blocks.push(block);
    this.queue.push(entry);
    this.advance();
    return entry;
  }

  private add(entry: Waiting, piece: string): void {
    if (entry.block.kind === 'tool') entry.end.push(piece);
    entry.waiting += piece;
    if (entry === this.queue[0]) this.write(entry);
    this.advance();
  }

  /** Closes blocks that others have begun behind, as far as they are whole; then opens and writes the first. */
  private advance(): void {
    while (this.queue.length > 1 && (this.queue[0].block.kind !== 'tool' || this.queue[0].end.complete)) this.closeFirst();
    const [first] = this.queue;
    if (first !== undefined) this.write(first);
  }

  private closeFirst(): void {
    const [first] = this.queue;
    this.write(first);
    // Some servers stream nothing for a call without arguments; clients parse what they get.
    if (first.block.kind === 'tool' && first.block.text === '') this.grow(first.block, '{}');
    this.queue.shift();
    this.listener.closed(first.block);
  }

  private write(entry: Waiting): void {
    if (!entry.opened) this.listener.opened(entry.block);
    entry.opened = true;
    const { waiting } = entry;
    entry.waiting = '';
    if (waiting !== '') this.grow(entry.block, waiting);
  }

  private grow(block: Block, piece: string): void {
    this.listener.grew(block, piece);
    block.text += piece;
  }
}
