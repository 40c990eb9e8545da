import { EntresolError } from '../../../core/index.ts';
import { locateTrace } from '../locate-trace.ts';

/**
 * The path of a given trace, or undefined: then the test that wants it is skipped, and says so on standard error.
 * Set ENTRESOL_TRACES to a folder that has them.
 */
export function givenTrace(name: string): string | undefined {
  try {
    return locateTrace(name);
  } catch (error) {
    if (!(error instanceof EntresolError) || error.code !== 'ENT_TRACE_MISSING') throw error;
    process.stderr.write(`\n!!! SKIPPED for want of the trace ${name}: ${error.message}\n`);
    return undefined;
  }
}
