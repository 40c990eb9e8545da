import type { z } from 'zod';
import { EntresolError } from '../core/index.ts';

/** A path within the configuration: names and indices. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong, and where. */
export interface ConfigIssue {
  /** `file:line:column`. */
  readonly at: string;
  readonly message: string;
}

export const pathText = (path: ConfigPath): string => path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');

/** A schema's complaint in words, and the path of the node to point at. */
export function explained(issue: z.core.$ZodIssue, present: (path: ConfigPath) => boolean): { path: ConfigPath; message: string; atName?: boolean } {
  const path = issue.path.filter((part): part is string | number => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') return { path: [...path, issue.keys[0]], atName: true, message: `there is no setting ${issue.keys.map((name) => JSON.stringify(name)).join(', ')} ${path.length === 0 ? 'at the top' : `in ${pathText(path)}`}; entresol config schema lists what there is` };
  return { path, message: `${path.length === 0 ? 'the file' : pathText(path)} ${issue.code === 'invalid_type' && path.length > 0 && !present(path) ? 'is missing' : inWords(issue)}` };
}

function inWords(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}${issue.origin === 'string' ? ' characters long' : issue.origin === 'array' ? ' entries long' : ''}`;
  if (issue.code === 'too_big') return `must be at most ${String(issue.maximum)}`;
  return message.startsWith('must') ? message : `is not right: ${message}`;
}

function article(expected: string): string {
  const words: Readonly<Record<string, string>> = { int: 'a whole number', number: 'a number', string: 'a text', boolean: 'true or false', array: 'a list', object: 'a group of settings', record: 'a group of settings' };
  return words[expected] ?? expected;
}

/** All of them as one error, at the first. */
export function configError(issues: readonly ConfigIssue[]): EntresolError {
  const [first, ...rest] = issues.toSorted((a, b) => lineOf(a) - lineOf(b));
  const more = rest.map(({ at, message }) => `\n  and at ${at}: ${message}.`).join('');
  return new EntresolError('ENT_CONFIG_INVALID', `${first.message}.${more}`, { at: first.at, cause: [first, ...rest] });
}

const lineOf = ({ at }: ConfigIssue): number => Number(/:(\d+):\d+$/.exec(at)?.[1] ?? 0);

/** All that a `configError` holds. */
export function issuesOf(error: EntresolError): readonly ConfigIssue[] {
  return Array.isArray(error.cause) ? (error.cause as readonly ConfigIssue[]) : [{ at: error.at ?? '', message: error.message }];
}
