const MAXIMUM_DEPTH = 64;

/** JSON with sorted keys: equal values give equal texts. Deeper than 64 levels everything is one. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAXIMUM_DEPTH) return '"\u2026"';
  if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry, depth + 1)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = value as Readonly<Record<string, unknown>>;
    return `{${Object.keys(fields).sort().map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name], depth + 1)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
