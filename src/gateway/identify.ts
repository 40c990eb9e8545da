/** Who is calling, and the view of the call that policies see. */
import { EntresolError, IdentityState, OutlineReader, rememberRequest, resolveIdentity, type Coordinate, type Hashing, type Identity, type IdentityInput, type Inference, type Outline, type RequestId, type RequestView, type TenantId } from '../core/index.ts';
import type { Caller } from './access/index.ts';
import { brokenEscape } from './escapes.ts';
import { headerMap } from './headers.ts';

export interface Identified {
  readonly tenant: TenantId;
  readonly identity: Identity;
  readonly inference: Inference;
  readonly input: IdentityInput;
}

/** What identity keeps of one tenant. */
interface TenantIdentity {
  readonly state: IdentityState;
  reader: OutlineReader;
}

/** By tenant: what one has said tells nothing about another. */
export class Identifier {
  private readonly tenants = new Map<TenantId, TenantIdentity>();
  private readonly hashing: Hashing;

  constructor(hashing: Hashing) {
    this.hashing = hashing;
  }

  /** @throws EntresolError `ENT_BAD_JSON`, `ENT_BAD_REQUEST`: no JSON object, or nested too deep */
  read(body: Buffer, { tenant }: Caller): Outline {
    const known = this.of(tenant);
    const outline = known.reader.read(body);
    const broken = brokenEscape(body, outline.readFrom);
    if (broken < 0) return outline;
    // What was kept of this body to go on from would let its next turn pass.
    known.reader = new OutlineReader(this.hashing);
    throw new EntresolError('ENT_BAD_JSON', `The body is not JSON: a broken escape at byte ${broken}.`, { at: 'body' });
  }

  /** @param outline what `read` gave; undefined for a body that nobody reads */
  identify(rawHeaders: readonly string[], outline: Outline | undefined, { tenant, workload }: Caller): Identified {
    const input: IdentityInput = { headers: headerMap(rawHeaders), outline, state: this.of(tenant).state, hashing: this.hashing };
    const { identity: resolved, inference } = resolveIdentity(input);
    const identity: Identity = workload === undefined || resolved.workload.source !== 'default' ? resolved : { ...resolved, workload: { value: workload, source: 'key', confidence: 0.9 } };
    rememberRequest(input, identity, inference);
    return { tenant, identity, inference, input };
  }

  private of(tenant: TenantId): TenantIdentity {
    let known = this.tenants.get(tenant);
    if (known === undefined) {
      known = { state: new IdentityState(), reader: new OutlineReader(this.hashing) };
      this.tenants.set(tenant, known);
    }
    return known;
  }
}

export function coordinateOf(identified: Identified, step: number): Coordinate {
  const { identity, tenant } = identified;
  return {
    tenant, step,
    workload: identity.workload.value, session: identity.session.value, agent: identity.agent.value, instance: identity.instance.value,
    ...(identity.parent === undefined ? {} : { parent: identity.parent.value }),
  };
}

export interface PromptCount {
  readonly promptTokens: number;
  readonly residentTokens: number;
}

/** Characters per token of code and prose alike; an estimate where the engine does not count. */
const CHARACTERS_PER_TOKEN = 4;

const positive = (value: unknown): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);

export function requestView(
  id: RequestId, by: Coordinate, identified: Identified, body: { value(name: string): unknown } | undefined, bodyBytes: number, arrivedAtMs: number, counted: PromptCount | undefined,
): RequestView {
  const model = body?.value('model');
  const view: { -readonly [Name in keyof RequestView]: RequestView[Name] } = {
    id, by, arrivedAtMs,
    model: typeof model === 'string' ? model : '',
    promptTokens: counted?.promptTokens ?? Math.ceil(bodyBytes / CHARACTERS_PER_TOKEN),
    promptTokensExact: counted !== undefined,
    residentTokens: counted?.residentTokens ?? 0,
    tools: identified.inference.outline?.toolNames ?? [],
    stream: body?.value('stream') === true,
    final: identified.identity.final,
  };
  const maxOutputTokens = positive(body?.value('max_completion_tokens')) ?? positive(body?.value('max_tokens')) ?? positive(body?.value('max_output_tokens'));
  if (maxOutputTokens !== undefined) view.maxOutputTokens = maxOutputTokens;
  return view;
}
