/** Tells when a JSON object or array that comes in pieces is complete, in one pass over each piece. */
export class JsonEnd {
  private depth = 0;
  private begun = false;
  private inString = false;
  private escaped = false;
  complete = false;

  push(piece: string): boolean {
    for (let index = 0; index < piece.length && !this.complete; index++) this.step(piece.charCodeAt(index));
    return this.complete;
  }

  private step(code: number): void {
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (code === 0x5c) this.escaped = true;
      else if (code === 0x22) this.inString = false;
      return;
    }
    if (code === 0x22) this.inString = true;
    else if (code === 0x7b || code === 0x5b) {
      this.depth += 1;
      this.begun = true;
    } else if (code === 0x7d || code === 0x5d) {
      this.depth -= 1;
      this.complete = this.begun && this.depth === 0;
    }
  }
}
