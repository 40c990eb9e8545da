/** Bits of the half-precision number nearest to `value`, which must be positive and in the normal range (6.2e-5 to 65504). */
export function float16Bits(value: number): number {
  if (!(value >= 2 ** -14 && value <= 65504)) throw new RangeError(`${value} is not a normal half-precision number`);
  let exponent = Math.floor(Math.log2(value));
  // log2 may be off by one at powers of two.
  if (2 ** exponent > value) exponent--;
  if (2 ** (exponent + 1) <= value) exponent++;
  const mantissa = Math.round((value / 2 ** exponent - 1) * 1024);
  return ((exponent + 15) << 10) + mantissa;
}
