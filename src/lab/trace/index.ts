/** The trace reader: streaming, checked, compact. The format is in docs/traces.md. */
export { locateTrace, traceFolders } from './locate-trace.ts';
export { readTrace, traceName, type ReadTraceOptions } from './read-trace.ts';
export { longestChain, writeChain, type Trace, type TraceCall, type TraceSession } from './trace.ts';
