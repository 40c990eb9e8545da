/** An Int32Array that doubles as it fills: memory near the number of values held, no boxing. */
export class GrowableInt32 {
  #values: Int32Array;
  #length = 0;

  constructor(initialCapacity = 1024) {
    this.#values = new Int32Array(initialCapacity);
  }

  get length(): number { return this.#length; }

  push(value: number): void {
    if (this.#length === this.#values.length) this.#grow();
    this.#values[this.#length++] = value;
  }

  at(index: number): number { return this.#values[index]; }

  set(index: number, value: number): void { this.#values[index] = value; }

  clear(): void { this.#length = 0; }

  /** A copy of exactly the values held. */
  toArray(): Int32Array { return this.#values.slice(0, this.#length); }

  #grow(): void {
    const larger = new Int32Array(this.#values.length * 2);
    larger.set(this.#values);
    this.#values = larger;
  }
}
