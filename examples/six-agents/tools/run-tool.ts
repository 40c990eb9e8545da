/** Runs one tool call of the application. Whatever goes wrong is told to the model as text, as tools do. */
import { CalculationError, calculate } from './calculator.ts';
import { DocumentError, type DocumentLibrary } from './document-library.ts';

/** About 90 tokens: results stay in the agent's history for the rest of the session. */
const MAXIMUM_RESULT_CHARACTERS = 360;
const CLIPPED = '\n[result clipped]';
const READ_LINES = 30;
const SEARCH_HITS = 8;

class ArgumentError extends Error {}

function text(values: Readonly<Record<string, unknown>>, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new ArgumentError(`argument ${name} must be a non-empty string`);
  return value;
}

function clip(result: string): string {
  return result.length <= MAXIMUM_RESULT_CHARACTERS ? result : `${result.slice(0, MAXIMUM_RESULT_CHARACTERS - CLIPPED.length)}${CLIPPED}`;
}

async function perform(name: string, values: Readonly<Record<string, unknown>>, library: DocumentLibrary): Promise<string> {
  switch (name) {
    case 'list_documents': {
      const names = await library.list();
      const sized = await Promise.all(names.map(async (file) => `${file} (${(await library.read(file)).length} lines)`));
      return sized.length === 0 ? 'There are no documents.' : sized.join('\n');
    }
    case 'search_documents': {
      const words = text(values, 'words').split(/\s+/).filter((word) => word !== '').slice(0, 4);
      const hits = await library.search(words, SEARCH_HITS);
      return hits.length === 0 ? `No line contains all of: ${words.join(', ')}.` : hits.map((hit) => `${hit.file}:${hit.line}: ${hit.text.trim().slice(0, 140)}`).join('\n');
    }
    case 'read_document': {
      const lines = await library.read(text(values, 'file'));
      const from = typeof values.from_line === 'number' && Number.isInteger(values.from_line) ? Math.min(Math.max(values.from_line, 1), lines.length) : 1;
      return lines.slice(from - 1, from - 1 + READ_LINES).join('\n');
    }
    case 'outline_document': {
      const lines = await library.read(text(values, 'file'));
      const headings = lines.flatMap((line, index) => (/^#{1,4} /.test(line) ? [`${index + 1}: ${line}`] : []));
      return headings.length === 0 ? 'The document has no headings.' : headings.join('\n');
    }
    case 'calculate': {
      const expression = text(values, 'expression');
      return `${expression} = ${calculate(expression)}`;
    }
    default:
      throw new ArgumentError(`no tool ${JSON.stringify(name.slice(0, 64))}`);
  }
}

/** @param argumentsJson as the model wrote it; need not be valid */
export async function runTool(name: string, argumentsJson: string, library: DocumentLibrary): Promise<string> {
  try {
    const values: unknown = JSON.parse(argumentsJson === '' ? '{}' : argumentsJson);
    if (typeof values !== 'object' || values === null || Array.isArray(values)) throw new ArgumentError('arguments must be one JSON object');
    return clip(await perform(name, values as Record<string, unknown>, library));
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof CalculationError || error instanceof DocumentError || error instanceof SyntaxError) return `error: ${error.message}`;
    throw error;
  }
}
