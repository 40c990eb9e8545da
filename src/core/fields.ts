/** Reads the fields of a request body; every error names the field. */
import { EntresolError } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function badField(at: string, why: string): EntresolError {
  return new EntresolError('ENT_BAD_REQUEST', `${at} ${why}.`, { at });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOf(value: unknown, at: string): JsonObject {
  if (!isObject(value)) throw badField(at, 'must be an object');
  return value;
}

export function stringOf(value: unknown, at: string): string {
  if (typeof value !== 'string') throw badField(at, 'must be a string');
  return value;
}

export function arrayOf(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badField(at, 'must be an array');
  return value;
}

/** Of a field that may be a string too, which it is not here. */
export function arrayBesideString(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badField(at, 'must be a string or an array');
  return value;
}

/** Undefined for a missing field and for null, which clients send for "not set". */
export function optional<Value>(body: JsonObject, name: string, read: (value: unknown, at: string) => Value, at = name): Value | undefined {
  const value = body[name];
  return value === undefined || value === null ? undefined : read(value, at);
}

export function booleanOf(value: unknown, at: string): boolean {
  if (typeof value !== 'boolean') throw badField(at, 'must be true or false');
  return value;
}

export function numberWithin(minimum: number, maximum: number): (value: unknown, at: string) => number {
  return (value, at) => {
    if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) throw badField(at, `must be a number from ${minimum} to ${maximum}`);
    return value;
  };
}

export function integerFrom(minimum: number): (value: unknown, at: string) => number {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || (value as number) < minimum) throw badField(at, `must be an integer of at least ${minimum}`);
    return value as number;
  };
}

/** Refuses what would change the answer and is not done here, rather than to ignore it. */
export function refuseUnless(body: JsonObject, name: string, harmless: (value: unknown) => boolean): void {
  const value = body[name];
  if (value === undefined || value === null || harmless(value)) return;
  throw badField(name, 'is not supported by this engine');
}
