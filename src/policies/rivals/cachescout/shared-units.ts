import { grownInt32, grownUint8 } from '../../../core/growing.ts';
import { nameHash } from '../name-hash.ts';

const UNUSED = 0;
const SHARED = 2;
const USED = 1;

/** Which units two or more sessions have used in a prompt. */
export class SharedUnits {
  #states = new Uint8Array(1024);
  #firstSessions = new Int32Array(1024);

  reserve(unit: number): void {
    this.#states = grownUint8(this.#states, unit + 1);
    this.#firstSessions = grownInt32(this.#firstSessions, unit + 1);
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
