/**
 * Whether bytes are one whole MessagePack value, of bounded depth. A decoder makes room for as many elements as a
 * header announces: a few wrong bytes could ask for gigabytes. Here every announced element must have a byte to be in.
 */
const DEEPEST = 16;

/** Bytes after the first that a value of this first byte has, less its own elements; and how many elements follow. */
function shape(view: DataView, at: number): { readonly length: number; readonly elements: number } | undefined {
  const first = view.getUint8(at);
  const left = view.byteLength - at - 1;
  const sized = (bytes: number, extra: number): { length: number; elements: number } | undefined => (left < bytes ? undefined : { length: bytes + extra + count(view, at + 1, bytes), elements: 0 });
  const counted = (bytes: number, each: number): { length: number; elements: number } | undefined => (left < bytes ? undefined : { length: bytes, elements: each * count(view, at + 1, bytes) });
  if (first <= 0x7f || first >= 0xe0) return { length: 0, elements: 0 };
  if (first <= 0x8f) return { length: 0, elements: 2 * (first & 0x0f) };
  if (first <= 0x9f) return { length: 0, elements: first & 0x0f };
  if (first <= 0xbf) return { length: first & 0x1f, elements: 0 };
  if (first <= 0xc3) return first === 0xc1 ? undefined : { length: 0, elements: 0 };
  if (first <= 0xc6) return sized(1 << (first - 0xc4), 0);
  // An extension has a byte for its type.
  if (first <= 0xc9) return sized(1 << (first - 0xc7), 1);
  if (first <= 0xcb) return { length: first === 0xca ? 4 : 8, elements: 0 };
  if (first <= 0xd3) return { length: 1 << ((first - 0xcc) & 3), elements: 0 };
  if (first <= 0xd8) return { length: 1 + (1 << (first - 0xd4)), elements: 0 };
  if (first <= 0xdb) return sized(1 << (first - 0xd9), 0);
  if (first <= 0xdd) return counted(first === 0xdc ? 2 : 4, 1);
  return counted(first === 0xde ? 2 : 4, 2);
}

function count(view: DataView, at: number, bytes: number): number {
  return bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

export function isWellFormed(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Elements that are still to come, of each value that is open. */
  const open: number[] = [1];
  let at = 0;
  while (open.length > 0) {
    if (open[open.length - 1] === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] -= 1;
    if (at >= view.byteLength) return false;
    const found = shape(view, at);
    if (found === undefined) return false;
    at += 1 + found.length;
    if (found.elements > view.byteLength - at) return false;
    if (found.elements > 0 && open.push(found.elements) > DEEPEST) return false;
  }
  return at === view.byteLength;
}
