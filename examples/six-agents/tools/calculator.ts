/**
 * A small calculator: a recursive-descent parser over numbers, + - * / % ^, parentheses and a fixed list of
 * functions. Nothing is evaluated as code. Input length and nesting are bounded.
 *
 * expression = term { ("+" | "-") term } ;  term = unary { ("*" | "/" | "%") unary } ;
 * unary = { "+" | "-" } power ;  power = atom [ "^" unary ] ;  atom = number | name "(" arguments ")" | "(" expression ")"
 */
const MAXIMUM_LENGTH = 200;
const MAXIMUM_DEPTH = 32;

const FUNCTIONS: ReadonlyMap<string, { readonly least: number; readonly most: number; readonly apply: (...values: number[]) => number }> = new Map([
  ['sqrt', { least: 1, most: 1, apply: Math.sqrt }],
  ['log', { least: 1, most: 1, apply: Math.log }],
  ['exp', { least: 1, most: 1, apply: Math.exp }],
  ['abs', { least: 1, most: 1, apply: Math.abs }],
  ['round', { least: 1, most: 1, apply: Math.round }],
  ['min', { least: 1, most: 16, apply: Math.min }],
  ['max', { least: 1, most: 16, apply: Math.max }],
]);

/** The input is no expression: where, and what was expected. */
export class CalculationError extends Error {}

class Parser {
  private position = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) { this.text = text; }

  all(): number {
    const value = this.expression();
    if (this.peek() !== undefined) this.fail('an operator or the end');
    return value;
  }

  private expression(): number {
    if (++this.depth > MAXIMUM_DEPTH) throw new CalculationError(`nested deeper than ${MAXIMUM_DEPTH}`);
    let value = this.term();
    for (;;) {
      if (this.take('+')) value += this.term();
      else if (this.take('-')) value -= this.term();
      else break;
    }
    this.depth--;
    return value;
  }

  private term(): number {
    let value = this.unary();
    for (;;) {
      if (this.take('*')) value *= this.unary();
      else if (this.take('/')) value /= this.unary();
      else if (this.take('%')) value %= this.unary();
      else return value;
    }
  }

  /** Signs are counted in a loop, so that a long row of them cannot exhaust the stack. */
  private unary(): number {
    let sign = 1;
    for (;;) {
      if (this.take('-')) sign = -sign;
      else if (!this.take('+')) return sign * this.power();
    }
  }

  private power(): number {
    const base = this.atom();
    if (!this.take('^')) return base;
    if (++this.depth > MAXIMUM_DEPTH) throw new CalculationError(`nested deeper than ${MAXIMUM_DEPTH}`);
    const value = base ** this.unary();
    this.depth--;
    return value;
  }

  private atom(): number {
    const next = this.peek();
    if (next === undefined) return this.fail('a number');
    if (this.take('(')) {
      const value = this.expression();
      if (!this.take(')')) this.fail('")"');
      return value;
    }
    const rest = this.text.slice(this.position);
    const number = /^(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?/i.exec(rest)?.[0];
    if (number !== undefined) {
      this.position += number.length;
      return Number(number);
    }
    const name = /^[a-z]+/i.exec(rest)?.[0];
    return name === undefined ? this.fail('a number') : this.call(name);
  }

  private call(name: string): number {
    const known = FUNCTIONS.get(name.toLowerCase());
    if (known === undefined) throw new CalculationError(`unknown name ${JSON.stringify(name)} at ${this.position}`);
    this.position += name.length;
    if (!this.take('(')) this.fail('"("');
    const values = [this.expression()];
    while (this.take(',')) values.push(this.expression());
    if (!this.take(')')) this.fail('")"');
    if (values.length < known.least || values.length > known.most) throw new CalculationError(`${name} takes ${known.least} to ${known.most} values`);
    return known.apply(...values);
  }

  private peek(): string | undefined {
    while (this.text[this.position] === ' ') this.position++;
    return this.text[this.position];
  }

  private take(symbol: string): boolean {
    if (this.peek() !== symbol) return false;
    this.position++;
    return true;
  }

  private fail(expected: string): never {
    const found = this.peek();
    throw new CalculationError(`expected ${expected} at ${this.position}, found ${found === undefined ? 'the end' : JSON.stringify(found)}`);
  }
}

/** @throws CalculationError if the text is no expression or has no finite value */
export function calculate(expression: string): number {
  if (expression.length > MAXIMUM_LENGTH) throw new CalculationError(`longer than ${MAXIMUM_LENGTH} characters`);
  const value = new Parser(expression).all();
  if (!Number.isFinite(value)) throw new CalculationError('no finite value');
  return value;
}
