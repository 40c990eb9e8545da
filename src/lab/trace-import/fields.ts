/** Fields of a record that must be there: an error names file, line and field, and tells the shape of what was found, never its text. */
import { EntresolError } from '../../core/index.ts';
import type { LinePlace } from '../trace/trace-line.ts';

export type Fields = Readonly<Record<string, unknown>>;

function shapeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function importFault(place: LinePlace, field: string, expected: string, found: unknown): EntresolError {
  return new EntresolError('ENT_TRACE_INVALID', `field ${field}: expected ${expected}, found ${shapeOf(found)}.`, { at: `${place.file}:${place.line}` });
}

export function requiredText(record: Fields, field: string, place: LinePlace): string {
  const value = record[field];
  if (typeof value !== 'string' || value === '') throw importFault(place, field, 'a non-empty string', value);
  return value;
}

/** A count of tokens; NaN, fractions and negatives are none. */
export function count(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < 1e9 ? number : undefined;
}

export function requiredCount(record: Fields, field: string, place: LinePlace): number {
  const value = count(record[field]);
  if (value === undefined) throw importFault(place, field, 'a whole number from 0', record[field]);
  return value;
}

/** Epoch milliseconds of an ISO time, or of a number in seconds, milliseconds, microseconds or nanoseconds. */
export function timeMs(value: unknown): number | null {
  if (typeof value === 'string' && !/^\d+(\.\d+)?$/.test(value)) {
    const parsed = Date.parse(value);
    return Number.isNaN(parsed) ? null : parsed;
  }
  const number = Number(value ?? Number.NaN);
  if (!Number.isFinite(number) || number <= 0) return null;
  // Times of this century: 1e9 seconds is 2001, 1e11 seconds the year 5138.
  if (number < 1e11) return number * 1000;
  if (number < 1e14) return number;
  return number < 1e17 ? number / 1000 : number / 1e6;
}

export function durationMs(startMs: number | null, endMs: number | null): number | null {
  return startMs === null || endMs === null || endMs < startMs ? null : Math.round(endMs - startMs);
}
