/** Which session used each unit last, for policies that rank units by what their session does. Sessions are bounded in number. */
import { BoundedMap, type SessionId } from '../../../core/index.ts';
import { grownInt32 } from '../../../core/growing.ts';

const SESSION_CAPACITY = 4096;

export class Owner<State> {
  /** Never given twice. */
  readonly number: number;
  /** Below the number of sessions kept; given again when the session is forgotten. */
  readonly slot: number;
  readonly state: State;
  /** Leaves that were ranked as this session's; some may no longer be. Made with the first: few sessions have any. */
  leaves?: Set<number>;

  constructor(number: number, slot: number, state: State) {
    this.number = number;
    this.slot = slot;
    this.state = state;
  }

  addLeaf(unit: number): void { (this.leaves ??= new Set()).add(unit); }
}

export class SessionOwners<State> {
  readonly #sessions = new BoundedMap<SessionId, Owner<State>>(SESSION_CAPACITY);
  readonly #byNumber = new Map<number, Owner<State>>();
  readonly #freeSlots: number[] = [];
  readonly #makeState: (number: number) => State;
  #made = 0;
  /** By unit, the owner's number; 0 for none. */
  #owners = new Int32Array(1024);

  /** @param makeState of a session, which is told how many there were up to it */
  constructor(makeState: (number: number) => State) {
    this.#makeState = makeState;
  }

  /** The session, made if it is new. The one that was asked for longest ago makes room. */
  enter(id: SessionId): Owner<State> {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const number = ++this.#made;
    const owner = new Owner(number, this.#freeSlots.pop() ?? this.#sessions.size, this.#makeState(number));
    const forgotten = this.#sessions.set(id, owner);
    this.#byNumber.set(number, owner);
    if (forgotten !== undefined) {
      this.#byNumber.delete(forgotten[1].number);
      this.#freeSlots.push(forgotten[1].slot);
    }
    return owner;
  }

  /** The session if it is known. */
  find(id: SessionId): Owner<State> | undefined { return this.#sessions.peek(id); }

  own(unit: number, owner: Owner<State>): void {
    if (unit >= this.#owners.length) this.#owners = grownInt32(this.#owners, unit + 1);
    this.#owners[unit] = owner.number;
  }

  ownerOf(unit: number): Owner<State> | undefined {
    const number = unit < this.#owners.length ? this.#owners[unit] : 0;
    return number === 0 ? undefined : this.#byNumber.get(number);
  }

  /** The unit is no longer resident. */
  dropLeaf(unit: number): void { this.ownerOf(unit)?.leaves?.delete(unit); }

  disown(unit: number): void {
    this.dropLeaf(unit);
    if (unit < this.#owners.length) this.#owners[unit] = 0;
  }

  /** Calls `rankAnew` for each leaf that is still the session's; the others are forgotten. */
  rankLeavesAnew(owner: Owner<State>, rankAnew: (unit: number) => void): void {
    for (const unit of owner.leaves ?? []) {
      if (this.ownerOf(unit) !== owner) owner.leaves?.delete(unit);
      rankAnew(unit);
    }
  }

  get bytes(): number { return this.#owners.byteLength + this.#sessions.size * 200; }
}
