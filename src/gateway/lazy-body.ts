/** A body whose members are parsed when they are asked for: most calls need a few short ones. */
import type { Outline } from '../core/index.ts';
import type { JsonObject } from './body.ts';

export class LazyBody {
  readonly outline: Outline;
  #members: JsonObject | undefined;

  constructor(outline: Outline) {
    this.outline = outline;
  }

  /** @throws EntresolError `ENT_BAD_JSON` where a string in it is broken */
  value(name: string): unknown { return this.outline.value(name); }

  /** As an object. Reading a member throws EntresolError `ENT_BAD_JSON` where a string in it is broken. */
  get members(): JsonObject { return (this.#members ??= membersOf(this.outline)); }
}

function membersOf(outline: Outline): JsonObject {
  const body: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const { name } of outline.facts.members) {
    if (!Object.hasOwn(body, name)) Object.defineProperty(body, name, { enumerable: true, get: () => outline.value(name) });
  }
  return body;
}
