/**
 * llm-d, or any gateway with the endpoint picker of the Gateway API Inference Extension: it is told whose call it is and
 * what it is for, by headers alone, and its session token is carried from one call of a lineage to the next.
 */
import { BoundedMap, LOCAL_TENANT, type CallReport, type Discovery, type EngineCall, type EngineCapabilities } from '../../core/index.ts';
import type { OutgoingEdit, UpstreamAdapter } from '../upstream/adapter.ts';
import { headerIn, withHeaders, withoutHeaders } from '../upstream/edit-headers.ts';
import { lineageId, sessionKey, tenantKey, workloadKey } from '../upstream/lineage-id.ts';
import { OpenAiServer } from '../upstream/openai-server.ts';
import { checkUnreadOfTenant, steersReplica, steersRouter, withoutSteering } from './client-hints.ts';
import type { LlmdSettings } from './settings.ts';

const TOKEN = 'x-session-token';
const MAXIMUM_TOKENS = 100_000;
const LONGEST_TOKEN = 1024;
const OBJECTIVE = ['x-llm-d-inference-objective', 'x-gateway-inference-objective'] as const;

export class LlmdAdapter extends OpenAiServer implements UpstreamAdapter {
  readonly kind = 'llm-d';
  readonly #settings: LlmdSettings;
  /** By lineage: which replica its token names. */
  #tokens = new BoundedMap<string, string>(MAXIMUM_TOKENS);

  constructor(settings: LlmdSettings) {
    super();
    this.#settings = settings;
  }

  capabilities(): Partial<EngineCapabilities> { return { intents: [] }; }

  discover(): Promise<Discovery> {
    const { fairness, objective, objectives } = this.#settings;
    return Promise.resolve({
      features: [
        { name: 'takes turns fairly', available: 'unknown', detail: fairness === 'off' ? 'no fairness id is sent' : `a fairness id per ${fairness} is sent`, mend: 'enable flowControl and a fairness policy in its EndpointPickerConfig' },
        { name: 'knows objectives', available: objective === undefined && Object.keys(objectives).length === 0 ? 'no' : 'unknown', mend: 'name an InferenceObjective under llm-d.objective' },
        { name: 'stays with a replica', available: 'unknown', detail: 'x-session-token is carried from call to call', mend: 'put the session-affinity plugins into its EndpointPickerConfig' },
        { name: 'keeps what is told', available: 'no', detail: 'it routes and queues; what its replicas keep is theirs to decide' },
      ],
    });
  }

  down(): void { this.#tokens = new BoundedMap(MAXIMUM_TOKENS); }

  async serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    const { by, final } = call.request;
    const { fairness, objective, objectives, ttftMs } = this.#settings;
    const id = lineageId(by);
    const shared = by.tenant !== LOCAL_TENANT;
    const theirs = withoutHeaders(call.headers, shared ? steersRouter : steersReplica);
    const set: Record<string, string | undefined> = {};
    if (fairness !== 'off') set['x-llm-d-inference-fairness-id'] = fairness === 'tenant' ? tenantKey(by.tenant) : fairness === 'workload' ? workloadKey(by) : sessionKey(by);
    const wanted = Object.hasOwn(objectives, by.workload) ? objectives[by.workload] : objective;
    if (wanted !== undefined) [set[OBJECTIVE[0]], set[OBJECTIVE[1]]] = [wanted, undefined];
    if (ttftMs !== undefined && headerIn(theirs, 'x-llm-d-slo-ttft-ms') === undefined) set['x-llm-d-slo-ttft-ms'] = `${ttftMs}`;
    if (call.dialect === 'other') {
      if (shared) checkUnreadOfTenant(call.body, call.headers);
      return pass({ headers: withHeaders(theirs, set) });
    }
    const known = this.#tokens.get(id);
    if (headerIn(theirs, TOKEN) === undefined && known !== undefined) set[TOKEN] = known;
    const body = shared ? withoutSteering(call) : call.body;
    return pass({
      ...(body === call.body ? {} : { body }),
      headers: withHeaders(theirs, set),
      headCame: (_status, headers) => {
        const token = headerIn(headers, TOKEN);
        if (final) this.#tokens.delete(id);
        else if (token !== undefined && token.length <= LONGEST_TOKEN) this.#tokens.set(id, token);
      },
    });
  }
}
