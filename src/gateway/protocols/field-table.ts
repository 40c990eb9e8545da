/**
 * What becomes of a request's fields when it is translated to chat completions. A field that no table knows is refused:
 * nothing that could change the answer is dropped in silence.
 */
import { EntresolError } from '../../core/index.ts';
import type { JsonObject } from '../../core/fields.ts';

export interface FieldTable {
  readonly translated: readonly string[];
  /** Hints and labels that do not change what is answered: left out, and named in the answer's `x-entresol-left-out`. */
  readonly leftOut?: readonly string[];
}

/** What is done with tools that only a vendor's own servers have (web search and others). */
export const HOSTED_TOOLS = ['refuse', 'leave-out'] as const;
export type HostedTools = (typeof HOSTED_TOOLS)[number];

/** The names of what one request loses, and what it may lose. */
export class LeftOut extends Set<string> {
  readonly hostedTools: HostedTools;

  constructor(hostedTools: HostedTools = 'refuse') {
    super();
    this.hostedTools = hostedTools;
  }
}

/** A place that chat completions have no words for. */
export function untranslatable(at: string, why = 'has no counterpart in chat completions, which this engine speaks'): EntresolError {
  return new EntresolError('ENT_UNTRANSLATABLE', `${at} ${why}.`, { at });
}

/** @throws EntresolError `ENT_UNTRANSLATABLE` naming a field that the table does not know */
export function checkFields(object: JsonObject, at: string, table: FieldTable, leftOut: LeftOut): void {
  for (const [name, value] of Object.entries(object)) {
    if (value === null || value === undefined || table.translated.includes(name)) continue;
    if (table.leftOut?.includes(name) !== true) throw untranslatable(at === '' ? name : `${at}.${name}`);
    leftOut.add(name);
  }
}
