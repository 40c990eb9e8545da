/** Strict reading of a command's options: an unknown flag, a missing value or a bad number is `ENT_USAGE` (exit 2). */
import { parseArgs } from 'node:util';
import type { ArgsDef } from 'citty';
import { EntresolError } from '../core/index.ts';

export interface NumberRange {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly integer?: boolean;
}

export class Options {
  readonly positionals: readonly string[];
  readonly #values: Readonly<Record<string, readonly string[] | boolean | undefined>>;

  constructor(values: Readonly<Record<string, readonly string[] | boolean | undefined>>, positionals: readonly string[]) {
    this.#values = values;
    this.positionals = positionals;
  }

  flag(name: string): boolean { return this.#values[name] === true; }

  /** Every value given, repeated flags and commas alike; empty if none. */
  list(name: string): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.flatMap((text: string) => text.split(',')).map((text) => text.trim()).filter((text) => text !== '') : [];
  }

  /** The last value given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return Array.isArray(value) ? (value.at(-1) as string | undefined) : undefined;
  }

  number(name: string, range: NumberRange = {}): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : checkedNumber(name, text, range);
  }

  numbers(name: string, range: NumberRange = {}): number[] {
    return this.list(name).map((text) => checkedNumber(name, text, range));
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw usage(name, `expected ${choices.join(' or ')}, found ${JSON.stringify(text)}.`);
    return choice;
  }
}

function usage(name: string, message: string): EntresolError {
  return new EntresolError('ENT_USAGE', message, { at: `--${name}` });
}

function checkedNumber(name: string, text: string, { minimum = -Infinity, maximum = Infinity, integer = false }: NumberRange): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < minimum || value > maximum || (integer && !Number.isInteger(value))) {
    const from = minimum === -Infinity ? '' : ` from ${minimum}`;
    const to = maximum === Infinity ? '' : ` to ${maximum}`;
    throw usage(name, `expected ${integer ? 'a whole number' : 'a number'}${from}${to}, found ${JSON.stringify(text)}.`);
  }
  return value;
}

/**
 * Reads raw arguments by a command's definition. Values of string options keep their defaults; booleans are flags.
 * @throws EntresolError `ENT_USAGE`
 */
export function parseOptions(rawArguments: readonly string[], definition: ArgsDef): Options {
  const named = Object.entries(definition).filter(([, option]) => option.type !== 'positional');
  const options = Object.fromEntries(named.map(([name, option]) => (option.type === 'boolean'
    ? [name, { type: 'boolean' as const }]
    : [name, { type: 'string' as const, multiple: true, ...(typeof option.default === 'string' ? { default: [option.default] } : {}) }])));
  try {
    const { values, positionals } = parseArgs({ args: [...rawArguments], options, allowPositionals: true, strict: true });
    return new Options(values as Record<string, readonly string[] | boolean | undefined>, positionals);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const known = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? ` There are: ${named.map(([name]) => `--${name}`).join(', ')}.` : '';
    throw new EntresolError('ENT_USAGE', `${message.split(/\. |\n/)[0].replace(/\.?$/, '.')}${known}`, { cause: error });
  }
}
