/** Messages of the side channel, protocol 1, as they are read and written here. Its description is integrations/vllm/PROTOCOL.md. */
export const PROTOCOL = 1;

export type Fields = Readonly<Record<string, unknown>>;

export interface Hello {
  /** Of the package. */
  readonly packageVersion: string;
  readonly vllmVersion: string;
  readonly mode: 'active' | 'neutral' | 'off';
  readonly reason?: string;
  /** Drawn when the engine process starts, hexadecimal: another one means cold. */
  readonly engine: string;
  readonly blockTokens: number;
  readonly hashAlgorithm: string;
  /** Usable ones: without the null block. */
  readonly capacityBlocks: number;
  readonly rank: number;
  readonly maximumLeaseMs: number;
  readonly maximumLeases: number;
  readonly requestFields: boolean;
  readonly kvEvents?: { readonly endpoint: string; readonly replayEndpoint?: string; readonly topic: string };
  /** With a secret. */
  readonly channel?: Buffer;
}

interface CallEvent {
  readonly sequence: number;
  readonly request: string;
  readonly tag?: string;
}
export interface CallTouch extends CallEvent {
  readonly kind: 'touch';
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly externalTokens: number;
  readonly prompt: Uint8Array;
}
export interface CallDone extends CallEvent {
  readonly kind: 'done';
  readonly aborted: boolean;
  readonly outputTokens: number;
  readonly output: Uint8Array;
}

/** Alternating milliseconds and values. */
export type Steps = readonly number[];
export type Run = readonly [keys: Uint8Array, steps: Steps];

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const count = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : typeof value === 'bigint' ? Number(value) : 0);
const bytes = (value: unknown): Uint8Array | undefined => (value instanceof Uint8Array ? value : undefined);

/** Undefined for what is none. */
export function readHello(fields: Fields): Hello | undefined {
  const engine = bytes(fields.engine);
  const mode = fields.mode;
  if (engine === undefined || fields.protocol !== PROTOCOL || (mode !== 'active' && mode !== 'neutral' && mode !== 'off')) return undefined;
  const events = isFields(fields.kvEvents) ? fields.kvEvents : undefined;
  const endpoint = text(events?.endpoint);
  const reason = text(fields.reason);
  const channel = bytes(fields.channel);
  const replayEndpoint = text(events?.replayEndpoint);
  return {
    packageVersion: text(fields.package) ?? 'unknown', vllmVersion: text(fields.vllm) ?? 'unknown', mode, engine: Buffer.from(engine).toString('hex'),
    blockTokens: count(fields.blockSize), hashAlgorithm: text(fields.hashAlgorithm) ?? 'unknown', capacityBlocks: Math.max(0, count(fields.numGpuBlocks) - 1),
    rank: count(fields.rank), maximumLeaseMs: count(fields.maxLeaseMs), maximumLeases: count(fields.maxLeases), requestFields: fields.requestFields === true,
    ...(reason === undefined ? {} : { reason }), ...(channel === undefined ? {} : { channel: Buffer.from(channel) }),
    ...(endpoint === undefined ? {} : { kvEvents: { endpoint, topic: text(events?.topic) ?? '', ...(replayEndpoint === undefined ? {} : { replayEndpoint }) } }),
  };
}

export function readCallEvent(value: unknown): CallTouch | CallDone | undefined {
  if (!isFields(value)) return undefined;
  const tag = text(value.tag);
  const base = { sequence: count(value.sequence), request: text(value.request) ?? '', ...(tag === undefined ? {} : { tag }) };
  if (value.kind === 'touch') {
    const prompt = bytes(value.prompt);
    return prompt === undefined ? undefined : { ...base, kind: 'touch', promptTokens: count(value.promptTokens), cachedTokens: count(value.cachedTokens), externalTokens: count(value.externalTokens), prompt };
  }
  const output = bytes(value.output);
  return value.kind !== 'done' || output === undefined ? undefined : { ...base, kind: 'done', aborted: value.aborted === true, outputTokens: count(value.outputTokens), output };
}

/** Keys in a row, 8 bytes each, big-endian. */
export function packKeys(keys: readonly bigint[]): Buffer {
  const packed = Buffer.allocUnsafe(8 * keys.length);
  keys.forEach((key, index) => packed.writeBigUInt64BE(key, 8 * index));
  return packed;
}
