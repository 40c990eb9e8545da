/** Prometheus text, exposition format 0.0.4: sums of the samples of these names over all their labels. */
export function sumsIn(text: string, names: ReadonlySet<string>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const end = line.search(/[{ ]/);
    if (end <= 0 || line[0] === '#') continue;
    const name = line.slice(0, end);
    if (!names.has(name)) continue;
    const value = Number(line.slice(line[end] === '{' ? line.lastIndexOf('}') + 1 : end).trim().split(' ')[0]);
    if (Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}
