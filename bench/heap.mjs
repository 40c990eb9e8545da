/** Bytes in use after a collection, buffers included: what benches of memory take before and after. Needs `node --expose-gc`. */
export function heapBytes() {
  if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
