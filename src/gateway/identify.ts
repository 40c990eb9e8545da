/** Who is calling, and the view of the call that policies see. */
import { IdentityState, rememberRequest, resolveIdentity, type Coordinate, type Identity, type IdentityInput, type Inference, type RequestId, type RequestView, type TenantId } from '../core/index.ts';
import type { Caller } from './access/index.ts';
import { headerMap } from './headers.ts';
import type { JsonObject } from './body.ts';

export interface Identified {
  readonly tenant: TenantId;
  readonly identity: Identity;
  readonly inference: Inference;
  readonly input: IdentityInput;
}

/** Identity states by tenant: what one has said tells nothing about another. */
export class Identifier {
  private readonly states = new Map<TenantId, IdentityState>();
  private readonly hash: (text: string) => string;

  constructor(hash: (text: string) => string) {
    this.hash = hash;
  }

  identify(rawHeaders: readonly string[], body: JsonObject | undefined, { tenant, workload }: Caller): Identified {
    const input: IdentityInput = { headers: headerMap(rawHeaders), body, state: this.stateOf(tenant), hash: this.hash };
    const { identity: resolved, inference } = resolveIdentity(input);
    const identity: Identity = workload === undefined || resolved.workload.source !== 'default' ? resolved : { ...resolved, workload: { value: workload, source: 'key', confidence: 0.9 } };
    rememberRequest(input, identity, inference);
    return { tenant, identity, inference, input };
  }

  private stateOf(tenant: TenantId): IdentityState {
    let state = this.states.get(tenant);
    if (state === undefined) {
      state = new IdentityState();
      this.states.set(tenant, state);
    }
    return state;
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
  id: RequestId, by: Coordinate, identified: Identified, body: JsonObject, bodyBytes: number, arrivedAtMs: number, counted: PromptCount | undefined,
): RequestView {
  const maxOutputTokens = positive(body.max_completion_tokens) ?? positive(body.max_tokens) ?? positive(body.max_output_tokens);
  return {
    id, by, arrivedAtMs,
    model: typeof body.model === 'string' ? body.model : '',
    promptTokens: counted?.promptTokens ?? Math.ceil(bodyBytes / CHARACTERS_PER_TOKEN),
    promptTokensExact: counted !== undefined,
    residentTokens: counted?.residentTokens ?? 0,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    tools: identified.inference.outline?.toolNames ?? [],
    stream: body.stream === true,
    final: identified.identity.final,
  };
}
