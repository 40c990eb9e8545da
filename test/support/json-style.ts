/** Writes one JSON value in the ways that serialisers of the world write it. */
export interface JsonStyle {
  readonly indent: number;
  readonly spaceBefore: boolean;
  /** `ascii`: everything beyond ASCII as \\u; `slashes`: `/` as `\/`. */
  readonly escape: 'none' | 'ascii' | 'slashes';
  readonly newline: string;
}

function textOf(text: string, { escape }: JsonStyle): string {
  const plain = JSON.stringify(text);
  if (escape === 'slashes') return plain.replaceAll('/', '\\/');
  if (escape === 'none') return plain;
  return plain.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function valueOf(value: unknown, style: JsonStyle): string {
  const space = ' '.repeat(style.indent);
  const line = style.indent > 1 ? style.newline + space : space;
  if (typeof value === 'string') return textOf(value, style);
  if (Array.isArray(value)) return `[${line}${value.map((entry) => valueOf(entry, style)).join(`${style.spaceBefore ? space : ''},${line}`)}${line}]`;
  if (typeof value === 'object' && value !== null) return formatted(Object.entries(value), style);
  return JSON.stringify(value) ?? 'null';
}

/** An object of these members, in this order; equal names stay doubled. */
export function formatted(members: readonly (readonly [string, unknown])[], style: JsonStyle): string {
  const space = ' '.repeat(style.indent);
  const line = style.indent > 1 ? style.newline + space : space;
  const written = members.filter(([, value]) => value !== undefined).map(([name, value]) => `${textOf(name, style)}${style.spaceBefore ? space : ''}:${space}${valueOf(value, style)}`);
  return `{${line}${written.join(`${style.spaceBefore ? space : ''},${line}`)}${line}}`;
}
