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
