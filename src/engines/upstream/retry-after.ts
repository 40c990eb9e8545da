/** RFC 9110, section 10.2.3: seconds or a date; OpenAI's SDKs read milliseconds in a header of their own first. */
const headerOf = (headers: readonly string[], wanted: string): string | undefined => {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
  return at < 0 ? undefined : headers[at + 1];
};

/** @param nowMs milliseconds since the epoch, for dates */
export function retryAfterMs(headers: readonly string[], nowMs: number): number | undefined {
  const exact = Number(headerOf(headers, 'retry-after-ms') ?? NaN);
  if (Number.isFinite(exact)) return Math.max(0, exact);
  const text = headerOf(headers, 'retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
