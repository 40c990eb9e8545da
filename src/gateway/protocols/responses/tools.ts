/** Tools of OpenAI's Responses as functions of a chat completion, and the way back for their calls. */
import { arrayOf, isObject, objectOf, optional, stringOf, type JsonObject } from '../../../core/fields.ts';
import { checkFields, untranslatable, type FieldTable, type LeftOut } from '../field-table.ts';
import { LEAVE_OUT_HINT } from '../hosted-tools.ts';

export const TOOL_TABLES: Readonly<Record<string, FieldTable>> = {
  function: { translated: ['type', 'name', 'description', 'parameters', 'strict'] },
  custom: { translated: ['type', 'name', 'description', 'format'] },
  namespace: { translated: ['type', 'name', 'description', 'tools'] },
};
const FORMAT_TABLE: FieldTable = { translated: ['type', 'syntax', 'definition'] };

/** The one argument that a tool of free text takes once it is a function. */
const FREE_TEXT = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'], additionalProperties: false };

/** A tool of a namespace has a name that is only its own there; functions of a chat completion share one space. */
export function chatName(name: string, namespace: unknown): string {
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}__${name}` : name;
}

/** No field enforces a grammar here: it is told in words, and the client checks what comes. */
function grammarText(value: unknown, at: string, leftOut: LeftOut): string {
  const format = objectOf(value, at);
  checkFields(format, at, FORMAT_TABLE, leftOut);
  if (format.type === 'text') return '';
  if (format.type !== 'grammar') throw untranslatable(`${at}.type`);
  return `The input must match this ${stringOf(format.syntax, `${at}.syntax`)} grammar:\n${stringOf(format.definition, `${at}.definition`)}`;
}

function toolsOf(value: unknown, at: string, namespace: string | undefined, leftOut: LeftOut): object[] {
  const tool = objectOf(value, at);
  const type = stringOf(tool.type, `${at}.type`);
  const table = Object.hasOwn(TOOL_TABLES, type) ? TOOL_TABLES[type] : undefined;
  if (table === undefined) throw untranslatable(`${at}.type`, `is ${JSON.stringify(type)}, a tool that only OpenAI's API has${type === 'web_search' ? ' (in Codex: web_search = "disabled")' : ''}; ${LEAVE_OUT_HINT}`);
  checkFields(tool, at, table, leftOut);
  const name = stringOf(tool.name, `${at}.name`);
  const description = optional(tool, 'description', stringOf, `${at}.description`);
  if (type === 'namespace') {
    if (namespace !== undefined) throw untranslatable(`${at}.type`, 'is a namespace within a namespace');
    if (description !== undefined) leftOut.add('namespace.description');
    return arrayOf(tool.tools, `${at}.tools`).flatMap((inner, index) => toolsOf(inner, `${at}.tools[${index}]`, name, leftOut));
  }
  const grammar = optional(tool, 'format', (format, place) => grammarText(format, place, leftOut), `${at}.format`) ?? '';
  const said = [description ?? '', grammar].filter((text) => text !== '').join('\n\n');
  const parameters = type === 'custom' ? FREE_TEXT : optional(tool, 'parameters', objectOf, `${at}.parameters`);
  return [{
    type: 'function',
    function: {
      name: chatName(name, namespace),
      ...(said === '' ? {} : { description: said }),
      ...(parameters === undefined ? {} : { parameters }),
      ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {}),
    },
  }];
}

/**
 * @param tools each with its place in the request
 * @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNTRANSLATABLE`
 */
export function chatTools(tools: readonly { readonly tool: unknown; readonly index: number }[], leftOut: LeftOut): object[] {
  return tools.flatMap(({ tool, index }) => toolsOf(tool, `tools[${index}]`, undefined, leftOut));
}

/** How the client knows a tool that the engine calls by its name in chat completions. */
export interface ClientTool {
  readonly name: string;
  readonly namespace?: string;
  /** Its calls carry free text. */
  readonly custom: boolean;
}

/** @param request one that has been translated */
export function clientTools(request: JsonObject): ReadonlyMap<string, ClientTool> {
  const known = new Map<string, ClientTool>();
  const read = (tools: unknown, namespace?: string): void => {
    for (const tool of Array.isArray(tools) ? (tools as readonly unknown[]) : []) {
      if (!isObject(tool) || typeof tool.name !== 'string') continue;
      if (tool.type === 'namespace') read(tool.tools, tool.name);
      else known.set(chatName(tool.name, namespace), { name: tool.name, custom: tool.type === 'custom', ...(namespace === undefined ? {} : { namespace }) });
    }
  };
  read(request.tools);
  return known;
}
