/** Number of leading tokens that two sequences share, counted from `from` on, where they are known to be equal before. */
export function commonPrefix(first: Int32Array, second: Int32Array, from = 0): number {
  const limit = Math.min(first.length, second.length);
  let at = Math.min(from, limit);
  while (at < limit && first[at] === second[at]) at++;
  return at;
}
