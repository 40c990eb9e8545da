import { nameHash } from '../name-hash.ts';

const UNUSED = 0;
const SHARED = 2;
const USED = 1;

/** Which units two or more sessions have used in a prompt. */
export class SharedUnits {
  #states = new Uint8Array(1024);
  #firstSessions = new Int32Array(1024);

  reserve(unit: number): void {
    if (unit < this.#states.length) return;
    const size = Math.max(unit + 1, this.#states.length * 2);
    const states = new Uint8Array(size);
    states.set(this.#states);
    this.#states = states;
    const firstSessions = new Int32Array(size);
    firstSessions.set(this.#firstSessions);
    this.#firstSessions = firstSessions;
  }

  note(units: Int32Array, session: string): void {
    const hash = nameHash(session);
    for (const unit of units) {
      if (this.#states[unit] === UNUSED) {
        this.#states[unit] = USED;
        this.#firstSessions[unit] = hash;
      } else if (this.#states[unit] === USED && this.#firstSessions[unit] !== hash) this.#states[unit] = SHARED;
    }
  }

  isShared(unit: number): boolean { return this.#states[unit] === SHARED; }

  forget(unit: number): void { this.#states[unit] = UNUSED; }

  get bytes(): number { return this.#states.length * 5; }
}
