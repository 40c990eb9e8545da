/** Stands for no number. */
const NONE = 0;
const ROOM_AT_ONCE = 128;

/** Numbers from 1 to 65,535 in the order of their last touches: a list in two columns, so that a touch costs the same however many there are. */
export class RecencyOrder {
  /** Neighbours, by number; and the ends of the list. */
  private earlier = new Uint16Array(ROOM_AT_ONCE);
  private later = new Uint16Array(ROOM_AT_ONCE);
  private first = NONE;
  private last = NONE;

  get bytes(): number {
    return this.earlier.byteLength + this.later.byteLength;
  }
  /** The one whose last touch is longest ago; 0 if there is none. */
  get oldest(): number {
    return this.first;
  }

  /** A number that is not in the order yet has been touched. */
  add(number: number): void {
    if (number >= this.earlier.length) {
      this.earlier = withRoom(this.earlier, number);
      this.later = withRoom(this.later, number);
    }
    this.earlier[number] = this.last;
    this.later[number] = NONE;
    if (this.last === NONE) this.first = number;
    else this.later[this.last] = number;
    this.last = number;
  }
  /** One that is has been touched again. */
  touch(number: number): void {
    if (number === this.last) return;
    this.remove(number);
    this.add(number);
  }
  remove(number: number): void {
    const before = this.earlier[number];
    const after = this.later[number];
    if (before === NONE) this.first = after;
    else this.later[before] = after;
    if (after === NONE) this.last = before;
    else this.earlier[after] = before;
  }

  * oldestFirst(): Generator<number> {
    for (let number = this.first; number !== NONE; number = this.later[number]) yield number;
  }
}

function withRoom(column: Uint16Array, number: number): Uint16Array<ArrayBuffer> {
  const grown = new Uint16Array(number + ROOM_AT_ONCE);
  grown.set(column);
  return grown;
}
