/** Columns that grow by doubling; what is new holds `fill` (an Int32Array) or 0. Each returns the same array while it is large enough. */
export function grownInt32(array: Int32Array<ArrayBuffer>, length: number, fill = 0): Int32Array<ArrayBuffer> {
  if (array.length >= length) return array;
  const grown = new Int32Array(doubled(array.length, length)).fill(fill, array.length);
  grown.set(array);
  return grown;
}
export function grownFloat64(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (array.length >= length) return array;
  const grown = new Float64Array(doubled(array.length, length));
  grown.set(array);
  return grown;
}
export function grownUint16(array: Uint16Array<ArrayBuffer>, length: number): Uint16Array<ArrayBuffer> {
  if (array.length >= length) return array;
  const grown = new Uint16Array(doubled(array.length, length));
  grown.set(array);
  return grown;
}
export function grownUint8(array: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (array.length >= length) return array;
  const grown = new Uint8Array(doubled(array.length, length));
  grown.set(array);
  return grown;
}

function doubled(current: number, wanted: number): number {
  let length = Math.max(64, current);
  while (length < wanted) length *= 2;
  return length;
}
