/** How many tokens a prompt may have, where the engine counts none ahead: by its length, and by what the engine has counted of others. */
import type { TenantId } from '../../core/index.ts';
import { isFields, type Fields } from '../json-fields.ts';

/** Of code and prose alike, until an engine has told. */
const FIRST_BYTES_PER_TOKEN = 4;
/** What a model sees of an image or a page, whatever its file weighs. */
const TOKENS_PER_ATTACHMENT = 1500;
const MOST_MODELS = 256;
/** Of the newest answer in the mean. */
const NEWEST = 0.25;
/** Beyond these a count tells of something else than the text: a server that counts what is new only, a prompt of its own. */
const PLAUSIBLE = { least: 1.5, most: 12 };

interface Weight {
  readonly bytes: number;
  readonly attachments: number;
}

const ATTACHMENTS = new Set(['image_url', 'file', 'input_audio']);

/** Bytes of all names, words and numbers, as templates write them into the prompt. */
function weigh(value: unknown): Weight {
  if (typeof value === 'string') return { bytes: Buffer.byteLength(value), attachments: 0 };
  if (typeof value === 'number' || typeof value === 'boolean') return { bytes: String(value).length, attachments: 0 };
  if (typeof value !== 'object' || value === null) return { bytes: 0, attachments: 0 };
  if (isFields(value) && typeof value.type === 'string' && ATTACHMENTS.has(value.type)) return { bytes: 0, attachments: 1 };
  let bytes = 0;
  let attachments = 0;
  for (const [name, entry] of Object.entries(value)) {
    const weight = weigh(entry);
    bytes += weight.bytes + (Array.isArray(value) ? 1 : Buffer.byteLength(name) + 4);
    attachments += weight.attachments;
  }
  return { bytes, attachments };
}

const promptOf = ({ messages, tools, response_format: format }: Fields): Weight => weigh({ messages, tools, format });

const keyOf = ({ model }: Fields, tenant: TenantId): string => JSON.stringify([tenant, model]);

/** A name that long is no model's. */
const LONGEST_KEY = 512;

export class PromptEstimates {
  /** By tenant and model. */
  private readonly bytesPerToken = new Map<string, number>();

  /** @param chat the body of a chat completion */
  estimate(chat: Fields, tenant: TenantId): number {
    const { bytes, attachments } = promptOf(chat);
    return Math.round(bytes / (this.bytesPerToken.get(keyOf(chat, tenant)) ?? FIRST_BYTES_PER_TOKEN)) + attachments * TOKENS_PER_ATTACHMENT;
  }

  /** @param promptTokens as the engine counted them in its answer */
  learn(chat: Fields, tenant: TenantId, promptTokens: number): void {
    const { bytes, attachments } = promptOf(chat);
    const seen = bytes / promptTokens;
    if (attachments > 0 || !(seen >= PLAUSIBLE.least && seen <= PLAUSIBLE.most)) return;
    const key = keyOf(chat, tenant);
    if (key.length > LONGEST_KEY) return;
    const known = this.bytesPerToken.get(key);
    this.bytesPerToken.delete(key);
    this.bytesPerToken.set(key, known === undefined ? seen : known + NEWEST * (seen - known));
    for (const oldest of this.bytesPerToken.keys()) {
      if (this.bytesPerToken.size <= MOST_MODELS) break;
      this.bytesPerToken.delete(oldest);
    }
  }
}
