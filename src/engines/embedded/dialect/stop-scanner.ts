/** Finds stop strings in text that comes in pieces; text that might be the beginning of one is held back. */
export class StopScanner {
  readonly #stops: readonly string[];
  #held = '';
  /** The one that was found. */
  matched: string | undefined;

  get stopped(): boolean { return this.matched !== undefined; }

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** The text that may go out now. After a stop string nothing more does. */
  push(piece: string): string {
    if (this.stopped) return '';
    if (this.#stops.length === 0) return piece;
    const text = this.#held + piece;
    const places = this.#stops.map((stop) => text.indexOf(stop));
    const first = Math.min(...places.filter((index) => index >= 0));
    if (first < Infinity) {
      this.matched = this.#stops[places.indexOf(first)];
      this.#held = '';
      return text.slice(0, first);
    }
    const keep = Math.max(...this.#stops.map((stop) => longestBeginning(stop, text)));
    this.#held = text.slice(text.length - keep);
    return text.slice(0, text.length - keep);
  }

  /** What was held back, when the answer ends without a stop string. */
  finish(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Length of the longest beginning of `stop` that `text` ends with. */
export function longestBeginning(stop: string, text: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
