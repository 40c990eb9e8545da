/** Tools that only a vendor's own servers have: web search, code execution, pictures. */
import { isObject, type JsonObject } from '../../core/fields.ts';
import type { LeftOut } from './field-table.ts';

/** A type that may stand in a header. */
const PRINTABLE_TYPE = /^[a-z][\w.-]{0,63}$/i;

/** Where the answer is to be had without them, if the call has others beside them. */
export const LEAVE_OUT_HINT = 'entresol serve --hosted-tools leave-out serves calls without such tools';

/**
 * The tools that are to be translated, each with its place in the request. With `leave-out` those that the vendor alone has
 * are named in `leftOut` and are not among them, unless there are no others: such a call asks for what they do.
 *
 * @param isHosted whether a tool's type says that only the vendor has it
 */
export function toolsToTranslate(tools: readonly unknown[], isHosted: (type: string, tool: JsonObject) => boolean, leftOut: LeftOut): readonly { readonly tool: unknown; readonly index: number }[] {
  const all = tools.map((tool, index) => ({ tool, index }));
  if (leftOut.hostedTools === 'refuse') return all;
  const types = tools.map((tool) => (isObject(tool) && typeof tool.type === 'string' && PRINTABLE_TYPE.test(tool.type) && isHosted(tool.type, tool) ? tool.type : undefined));
  if (types.every((type) => type !== undefined)) return all;
  for (const type of types) if (type !== undefined) leftOut.add(`tools.${type}`);
  return all.filter(({ index }) => types[index] === undefined);
}
