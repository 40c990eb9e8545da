/** Schemas of the application's tools, as OpenAI function tools. */
export type ToolName = 'list_documents' | 'search_documents' | 'read_document' | 'outline_document' | 'calculate';

export interface ToolSchema {
  readonly type: 'function';
  readonly function: { readonly name: ToolName; readonly description: string; readonly parameters: Record<string, unknown> };
}

function schema(name: ToolName, description: string, properties: Record<string, unknown>, required: readonly string[]): ToolSchema {
  return { type: 'function', function: { name, description, parameters: { type: 'object', properties, required, additionalProperties: false } } };
}

const file = { type: 'string', description: 'File name as listed.' };

export const TOOL_SCHEMAS: Readonly<Record<ToolName, ToolSchema>> = {
  list_documents: schema('list_documents', 'List the documents of the project with their sizes in lines.', {}, []),
  search_documents: schema(
    'search_documents',
    'Find lines that contain all the given words, in any order and any case.',
    { words: { type: 'string', description: 'One to four words.' } },
    ['words'],
  ),
  read_document: schema(
    'read_document',
    'Read some lines of one document.',
    { file, from_line: { type: 'integer', minimum: 1, description: 'First line.' } },
    ['file'],
  ),
  outline_document: schema('outline_document', 'Show the headings of one document with their line numbers.', { file }, ['file']),
  calculate: schema(
    'calculate',
    'Work out an arithmetic expression: + - * / % ^, parentheses, sqrt, log, exp, min, max, round.',
    { expression: { type: 'string' } },
    ['expression'],
  ),
};
