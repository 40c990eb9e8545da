/**
 * Answers that clients of Responses want kept, which is what that API does unless told otherwise: the next request may
 * name one (`previous_response_id`) or an item of one (`item_reference`) in place of sending it again. Kept in memory,
 * per tenant, the least recently used forgotten first.
 */
import type { TenantId } from '../../../core/index.ts';
import { isObject, type JsonObject } from '../../../core/fields.ts';
import { untranslatable } from '../field-table.ts';

interface Kept {
  readonly tenant: TenantId;
  readonly previous?: string;
  /** Of this request alone; what came before it hangs on `previous`. */
  readonly input: readonly unknown[];
  readonly output: readonly JsonObject[];
  readonly characters: number;
}

/** Of all that is kept, in characters of JSON. */
const MAXIMUM_CHARACTERS = 32 * 1024 * 1024;

const inputItems = (input: unknown): readonly unknown[] => (Array.isArray(input) ? (input as readonly unknown[]) : [{ role: 'user', content: input }]);

export class KeptResponses {
  private readonly responses = new Map<string, Kept>();
  /** Item id to the id of its response. */
  private readonly owners = new Map<string, string>();
  private readonly maximumCharacters: number;
  private characters = 0;

  constructor(maximumCharacters = MAXIMUM_CHARACTERS) {
    this.maximumCharacters = maximumCharacters;
  }

  /** @param request as the client sent it, unless it says `store: false` */
  keep(tenant: TenantId, id: string, request: JsonObject, output: readonly JsonObject[]): void {
    if (request.store === false) return;
    const input = inputItems(request.input);
    const previous = typeof request.previous_response_id === 'string' ? request.previous_response_id : undefined;
    const characters = JSON.stringify([input, output]).length;
    this.responses.set(id, { tenant, input, output, characters, ...(previous === undefined ? {} : { previous }) });
    for (const item of output) this.owners.set(String(item.id), id);
    this.characters += characters;
    for (const oldest of this.responses.keys()) {
      if (this.characters <= this.maximumCharacters) break;
      this.forget(oldest);
    }
  }

  /**
   * The request with everything in it that it names.
   * @throws EntresolError `ENT_UNTRANSLATABLE` for what is not kept, or not this tenant's
   */
  resolve(tenant: TenantId, request: JsonObject): JsonObject {
    const { previous_response_id: previous, ...rest } = request;
    const named = typeof previous === 'string';
    if (!named && !(Array.isArray(request.input) && request.input.some(isReference))) return request;
    const before = named ? this.conversation(tenant, previous) : [];
    const input = inputItems(request.input).map((item, index) => (isReference(item) ? this.item(tenant, String(item.id), `input[${index}]`) : item));
    return { ...rest, input: [...before, ...input] };
  }

  private conversation(tenant: TenantId, last: string): unknown[] {
    const parts: (readonly unknown[])[] = [];
    for (let id: string | undefined = last; id !== undefined;) {
      const kept: Kept = this.find(tenant, id, 'previous_response_id');
      parts.push(kept.output, kept.input);
      id = kept.previous;
    }
    return parts.toReversed().flat().map((item, index) => (isReference(item) ? this.item(tenant, String(item.id), `previous_response_id[${index}]`) : item));
  }

  private item(tenant: TenantId, id: string, at: string): JsonObject {
    const kept = this.find(tenant, this.owners.get(id) ?? '', at);
    return kept.output.find((item) => item.id === id) ?? {};
  }

  private find(tenant: TenantId, id: string, at: string): Kept {
    const kept = this.responses.get(id);
    if (kept === undefined || kept.tenant !== tenant) throw untranslatable(at, 'names what is not kept here, or not any more: send the whole input');
    this.responses.delete(id);
    this.responses.set(id, kept);
    return kept;
  }

  private forget(id: string): void {
    const kept = this.responses.get(id);
    if (kept === undefined) return;
    this.responses.delete(id);
    this.characters -= kept.characters;
    for (const item of kept.output) this.owners.delete(String(item.id));
  }
}

/** The form with the type left out has the id alone. */
function isReference(item: unknown): item is JsonObject {
  return isObject(item) && (item.type === 'item_reference' || (item.type === undefined && item.role === undefined && typeof item.id === 'string'));
}
