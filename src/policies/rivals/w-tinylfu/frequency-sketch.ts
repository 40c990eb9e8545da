const ROWS = 4;
/** Four bits a counter. */
const MOST = 15;
const SEEDS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
/** All counters are halved after so many uses per counter of a row (Einziger et al.: the sample is ten times the cache). */
const SAMPLE_FACTOR = 10;

/** A count-min sketch with conservative counts and periodic halving, as TinyLFU keeps it. One byte holds one counter of four bits. */
export class FrequencySketch {
  readonly #mask: number;
  readonly #counters: Uint8Array;
  readonly #sample: number;
  #uses = 0;

  /** @param capacity of the cache in units */
  constructor(capacity: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(16, capacity)));
    this.#mask = width - 1;
    this.#counters = new Uint8Array(ROWS * width);
    this.#sample = SAMPLE_FACTOR * Math.max(16, capacity);
  }

  count(unit: number): void {
    let added = false;
    for (let row = 0; row < ROWS; row++) {
      const cell = this.#cell(unit, row);
      if (this.#counters[cell] === MOST) continue;
      this.#counters[cell]++;
      added = true;
    }
    if (added && ++this.#uses >= this.#sample) this.#halve();
  }

  frequency(unit: number): number {
    let least = MOST;
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.#counters[this.#cell(unit, row)]);
    return least;
  }

  get bytes(): number { return this.#counters.byteLength; }

  #halve(): void {
    for (let cell = 0; cell < this.#counters.length; cell++) this.#counters[cell] >>>= 1;
    this.#uses = this.#uses >>> 1;
  }

  #cell(unit: number, row: number): number {
    const mixed = Math.imul(unit + 1, SEEDS[row]);
    return row * (this.#mask + 1) + ((mixed ^ (mixed >>> 15)) & this.#mask);
  }
}
