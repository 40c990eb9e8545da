/**
 * @param headers alternating names and values
 * @param set by lower-case name: in place of any that is there; undefined takes it away
 */
export function withHeaders(headers: readonly string[], set: Readonly<Record<string, string | undefined>>): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) if (!Object.hasOwn(set, headers[index].toLowerCase())) kept.push(headers[index], headers[index + 1]);
  for (const [name, value] of Object.entries(set)) if (value !== undefined) kept.push(name, value);
  return kept;
}

/** The value of a header; undefined where it is not there. @param wanted in lower case */
export function headerIn(headers: readonly string[], wanted: string): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
  return at < 0 ? undefined : headers[at + 1];
}

/** @param taken by lower-case name */
export function withoutHeaders(headers: readonly string[], taken: (name: string) => boolean): string[] {
  return headers.flatMap((name, index) => (index % 2 === 0 && !taken(name.toLowerCase()) ? [name, headers[index + 1]] : []));
}

/** By these routers know a conversation of agents, where they are given no name of their own for it. */
const SESSION_HEADERS: ReadonlySet<string> = new Set(['session-id', 'session_id', 'thread-id', 'x-session-id', 'x-parent-session-id', 'x-session-affinity', 'x-session-type', 'x-correlation-id']);

export const namesSession = (name: string): boolean => SESSION_HEADERS.has(name);
