import { longestBeginning } from './stop-scanner.ts';

export type Part = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'begin' } | { readonly kind: 'end' };

/** Cuts text that comes in pieces at the markers around tool calls; what may be the beginning of one is held back. */
export class MarkerSplitter {
  readonly #markers: { readonly begin: string; readonly end: string } | undefined;
  #held = '';
  #inside = false;

  /** Without markers all is text. */
  constructor(markers: { readonly begin: string; readonly end: string } | undefined) {
    this.#markers = markers;
  }

  push(piece: string): Part[] {
    if (this.#markers === undefined) return [{ kind: 'text', text: piece }];
    const parts: Part[] = [];
    let text = this.#held + piece;
    for (;;) {
      const marker = this.#inside ? this.#markers.end : this.#markers.begin;
      const place = text.indexOf(marker);
      if (place < 0) {
        const keep = longestBeginning(marker, text);
        this.#held = text.slice(text.length - keep);
        parts.push({ kind: 'text', text: text.slice(0, text.length - keep) });
        return parts;
      }
      parts.push({ kind: 'text', text: text.slice(0, place) }, { kind: this.#inside ? 'end' : 'begin' });
      this.#inside = !this.#inside;
      text = text.slice(place + marker.length);
    }
  }

  /** What was held back, when the answer ends. */
  finish(): Part[] {
    const text = this.#held;
    this.#held = '';
    return [{ kind: 'text', text }];
  }
}
