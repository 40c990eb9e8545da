/** The life of one LLM call: read → identify → arrive → admit → place → dispatch → tap → end. */
import {
  EntresolError, rememberAnswer, requestId, setMember, toolCallId,
  type CallReport, type Clock, type Dialect, type Engine, type EngineCall, type Memory, type RequestStatus, type RequestView, type TenantId,
} from '../core/index.ts';
import type { BatchedSteps } from './batched-steps.ts';
import { receiveBody, receiveUnread, type JsonObject, type ReceivedBody } from './body.ts';
import { BodyBuffers } from './body-buffers.ts';
import { completeReport } from './call-outcome.ts';
import { ClientAnswer } from './client-answer.ts';
import { checkSharedCredential } from './access/index.ts';
import { chooseEngine, enginesFor, enginesForModel, leastBusy, passThroughEngines } from './engine-choice.ts';
import { unpack } from './encodings.ts';
import { asEntresolError, errorForm } from './errors.ts';
import { notTaken, untilTaken } from './failover.ts';
import { headerOf, requestHeaders } from './headers.ts';
import type { IdentityMetrics } from './identity-metrics.ts';
import { coordinateOf, requestView, type Identified, type Identifier, type PromptCount } from './identify.ts';
import { fieldsOf, isFields, jsonOrUndefined, textOf } from './json-fields.ts';
import { LazyBody } from './lazy-body.ts';
import { PromptEstimates } from './protocols/prompt-estimate.ts';
import type { HostedTools } from './protocols/field-table.ts';
import type { TranslatedAnswer } from './protocols/translated-answer.ts';
import { CHAT_PATH, chatHeaders, Translator, type TranslatedCall } from './protocols/translate.ts';
import { ask } from './ask.ts';
import { canAsk, mergedModelNamed, mergeModels, modelListIn, modelQuestion, modelsIn, modelSources, readsAnthropicForm } from './merged-models.ts';
import { OutgoingCall } from './outgoing-call.ts';
import { sendBytes, sendError, sendJson } from './respond.ts';
import type { RouteContext } from './router.ts';
import type { CallRuntime } from './runtime-port.ts';
import type { SessionConnections } from './session-connections.ts';
import { askForUsage } from './splice.ts';
import { observeToldDurations } from './told-durations.ts';
import { validateRequest } from './validate.ts';

/** For one upstream's list of models. */
const MODELS_TIMEOUT_MS = 5000;

export interface CallServices {
  readonly engines: readonly Engine[];
  readonly runtime: CallRuntime;
  readonly identifier: Identifier;
  readonly identityMetrics: IdentityMetrics;
  readonly connections: SessionConnections;
  readonly steps: BatchedSteps;
  readonly clock: Clock;
  readonly bodyBytes: number;
  /** What is done with tools that only a vendor's servers have, where a call is translated; refused by default. */
  readonly hostedTools?: HostedTools;
  hash(text: string): string;
  /** What keeps a tenant's caches apart in engines that share theirs; undefined: there is one tenant. */
  cacheSalt(tenant: TenantId): string | undefined;
  /** Whether there is more than one tenant. */
  tenantsShare(): boolean;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
}

/** A call whose request has been read and whose client is known. */
interface Prepared {
  readonly context: RouteContext;
  readonly dialect: Dialect;
  readonly parsed: LazyBody;
  readonly body: ReceivedBody;
  readonly receivedAtMs: number;
  readonly identified: Identified;
  /** Where no engine speaks the client's dialect: the call as engines get it. */
  readonly translated: TranslatedCall | undefined;
}

export class Calls {
  private readonly services: CallServices;
  private readonly translator: Translator;
  private readonly estimates = new PromptEstimates();
  private readonly buffers = new BodyBuffers();

  constructor(services: CallServices) {
    this.services = services;
    this.translator = new Translator(services.hostedTools === undefined ? {} : { hostedTools: services.hostedTools });
  }

  /** A call of a dialect that we read: it is identified, admitted and observed. */
  serve(context: RouteContext, dialect: Dialect): Promise<void> {
    return this.withBody(context, receiveBody, (body) => this.served(context, dialect, body));
  }

  private async served(context: RouteContext, dialect: Dialect, body: ReceivedBody): Promise<void> {
    const { steps } = this.services;
    steps.begin();
    try {
      await this.answered(context, dialect, body);
    } finally {
      steps.end();
    }
  }

  private async answered(context: RouteContext, dialect: Dialect, body: ReceivedBody): Promise<void> {
    const { clock, identifier } = this.services;
    const receivedAtMs = clock.nowMs();
    const turn = this.services.steps.turn();
    if (turn !== undefined) await turn;
    const outline = identifier.read(body.plain, context.caller);
    validateRequest(outline, dialect);
    const parsed = new LazyBody(outline);
    const choice = enginesFor(enginesForModel(this.services.engines, textOf(parsed.value('model'))), dialect, context.path, context.headers);
    const able = choice instanceof Promise ? await choice : choice;
    const translated = able.translated ? this.translator.translate(dialect, parsed.members, context.caller.tenant) : undefined;
    const identified = identifier.identify(context.headers, outline, context.caller);
    await this.run({ context, dialect, parsed, body, receivedAtMs, identified, translated }, able.engines);
  }

  /** How many tokens a call would have, before it is made: no step of an agent, so nothing is observed. */
  countTokens(context: RouteContext): Promise<void> {
    return this.withBody(context, receiveBody, (body) => this.counted(context, body));
  }

  private async counted(context: RouteContext, received: ReceivedBody): Promise<void> {
    const outline = this.services.identifier.read(received.plain, context.caller);
    validateRequest(outline, 'messages');
    const request = new LazyBody(outline);
    const able = await enginesFor(enginesForModel(this.services.engines, textOf(request.value('model'))), 'messages', context.path, context.headers);
    if (!able.translated) {
      await this.passTo(able.engines, context, received);
      return;
    }
    const { parsed, body } = this.translator.translate('messages', request.members, context.caller.tenant);
    const counter = leastBusy(able.engines);
    const counted = await counter.inspect?.({ dialect: 'chat', method: 'POST', path: CHAT_PATH, headers: [], body, parsed, signal: context.call, memory: undefined }, context.caller.tenant);
    if (counted !== undefined) sendJson(context.response, context.requestId, { input_tokens: counted.promptTokens });
    else sendBytes(context.response, context.requestId, 200, 'application/json', Buffer.from(JSON.stringify({ input_tokens: this.estimates.estimate(parsed, context.caller.tenant) })), ['x-entresol-estimated', 'input_tokens']);
  }

  /** Any other path of an upstream: passed on as it is. */
  passThrough(context: RouteContext): Promise<void> {
    return this.withBody(context, receiveUnread, async (body) => {
      const able = passThroughEngines(this.services.engines, context.path, context.headers);
      for (const engine of able) checkSharedCredential(engine, context.caller, context.path, context.headers, this.services.tenantsShare());
      await this.passTo(able, context, body);
    });
  }

  /** The models of several upstreams as one list; of one alone its own answer, as it came. */
  async models(context: RouteContext): Promise<void> {
    const { headers, call, parameter } = context;
    const { engines } = this.services;
    const sources = modelSources(engines, headers);
    const lists = sources.length < 2 ? new Map<Engine, undefined>() : new Map(await Promise.all(sources.map(async (engine) => {
      const { path, headers: asked } = modelQuestion(engine, sources, requestHeaders(headers, { accept: 'plain', hosted: engine.capabilities.hosted === true, unpacked: true }));
      if (!canAsk(engine, asked)) return [engine, undefined] as const;
      const answer = await ask(engine, { request: this.unreadView(context, 0), dialect: 'other', method: 'GET', path, headers: asked, body: Buffer.alloc(0), parsed: undefined, memory: undefined }, call, MODELS_TIMEOUT_MS);
      return [engine, modelsIn(answer)] as const;
    })));
    const silent = [...lists].flatMap(([engine, list]) => (list === undefined ? [engine.replica] : []));
    if (silent.length === lists.size) {
      await this.passThrough(context);
      return;
    }
    const anthropicForm = readsAnthropicForm(headers);
    const models = mergeModels(lists, engines, anthropicForm);
    // A vendor resolves names that it does not list; of one that told nothing nothing is known.
    const [target] = enginesForModel(sources, parameter);
    if (parameter !== '' && target !== undefined && !models.some(({ id }) => id === parameter) && (lists.get(target) === undefined || target.capabilities.hosted === true)) {
      checkSharedCredential(target, context.caller, context.path, headers, this.services.tenantsShare());
      await this.withBody(context, receiveUnread, (body) => this.passTo([target], context, body));
      return;
    }
    const told = parameter === '' ? modelListIn(models, anthropicForm) : mergedModelNamed(models, parameter);
    sendBytes(context.response, context.requestId, 200, 'application/json', Buffer.from(JSON.stringify(told)), silent.length === 0 ? [] : ['x-entresol-left-out', silent.join(', ')]);
  }

  /** A dialect that is served, and holds no agent's conversation: nothing of it is read. */
  async passDialect(context: RouteContext, dialect: Dialect): Promise<void> {
    const { engines } = this.services;
    // The model matters only where lists say who serves it.
    const listed = engines.some(({ capabilities }) => capabilities.serves !== undefined);
    await this.withBody(context, listed ? receiveBody : receiveUnread, async (body) => {
      const fitting = listed ? enginesForModel(engines, textOf(fieldsOf(jsonOrUndefined(body.plain.toString())).model)) : engines;
      const able = await enginesFor(fitting, dialect, context.path, context.headers);
      await this.passTo(able.engines, context, body);
    });
  }

  /** The memory of the body is used again once `use` has settled. */
  private async withBody(context: RouteContext, receive: typeof receiveBody, use: (body: ReceivedBody) => Promise<void>): Promise<void> {
    const body = await receive(context.call, this.services.bodyBytes, this.buffers);
    try {
      await use(body);
    } finally {
      body.lent.release();
    }
  }

  private unreadView(context: RouteContext, bytes: number): RequestView {
    const identified = this.services.identifier.identify(context.headers, undefined, context.caller);
    return requestView(requestId(context.requestId), coordinateOf(identified, 0), identified, undefined, bytes, this.services.clock.nowMs(), undefined);
  }

  private async passTo(able: readonly Engine[], context: RouteContext, { bytes, lent: memory }: ReceivedBody): Promise<void> {
    const { call: signal } = context;
    const request = this.unreadView(context, bytes.length);
    const answer = new ClientAnswer(signal, { requestId: context.requestId, dialect: undefined, removeUsageChunk: false, firstContent: () => undefined, toolCall: () => undefined });
    await untilTaken(able, leastBusy, async (engine, others) => {
      this.checkCredential(engine, context);
      const body = await this.saltedUnread(bytes, engine, context);
      await engine.handle({
        request, dialect: 'other', method: context.request.method ?? 'GET', path: context.target, body, parsed: undefined, signal, memory, mayDecline: others,
        headers: requestHeaders(context.headers, { accept: 'as-sent', hosted: engine.capabilities.hosted === true, unpacked: body !== bytes }),
      }, answer);
    });
  }

  private async run(prepared: Prepared, able: readonly Engine[]): Promise<void> {
    const { context, identified, parsed, body, receivedAtMs } = prepared;
    const { call: signal } = context;
    const { runtime } = this.services;
    const view = (counted: PromptCount | undefined): RequestView => {
      const { identity, tenant } = identified;
      const step = runtime.nextStep({ tenant, workload: identity.workload.value, session: identity.session.value });
      return requestView(requestId(context.requestId), coordinateOf(identified, step), identified, parsed, body.plain.length, receivedAtMs, counted);
    };
    const counter = leastBusy(able);
    let counted: PromptCount | undefined;
    let refusal: unknown;
    if (counter.inspect !== undefined) {
      try {
        counted = await counter.inspect(this.engineCall(prepared, counter).call, identified.tenant);
      } catch (thrown) {
        refusal = thrown;
      }
    }
    // After this wait no other: between the count of a session's steps and its arrival no other call comes.
    const arrived = view(counted);
    observeToldDurations(runtime, identified.input.headers, arrived);
    runtime.arrive(arrived, { identity: identified.identity });
    this.services.identityMetrics.record(identified.identity, identified.tenant);
    this.services.connections.used(context.request.socket, arrived.by);
    const observed = new ObservedCall(this.services, prepared, arrived, this.estimates);
    try {
      if (refusal !== undefined) throw refusal;
      const answered = runtime.admitOrHold(arrived, signal);
      const verdict = answered instanceof Promise ? await answered : answered;
      if (verdict.kind === 'reject') {
        observed.end('rejected');
        sendError(context.response, context.requestId, new EntresolError(verdict.code, `A policy rejected this request: ${verdict.why}.`), { retryAfterMs: verdict.retryAfterMs, form: errorForm(context.path) });
        return;
      }
      const choose = (left: readonly Engine[]): Engine => chooseEngine(left, arrived, (request, replicas) => runtime.placement(request, replicas));
      await untilTaken(able, choose, (engine, others) => {
        const { call, removeUsageChunk } = this.engineCall(prepared, engine);
        return observed.dispatch(engine, call.of(arrived, others), removeUsageChunk);
      });
    } catch (thrown) {
      const error = asEntresolError(thrown);
      runtime.note(arrived.id, [`${error.code}: ${error.message}`]);
      observed.end(signal.aborted ? 'cancelled' : error.status < 500 ? 'rejected' : 'error');
      throw thrown;
    }
  }

  private engineCall(prepared: Prepared, engine: Engine): { call: OutgoingCall; removeUsageChunk: boolean } {
    const { context, dialect, parsed, body: { bytes, plain, lent }, translated } = prepared;
    this.checkCredential(engine, context);
    if (translated !== undefined) return this.translatedCall(translated, engine, context);
    const { hosted, countsCachedTokens, passThrough, editsBody } = engine.capabilities;
    const wanted = (dialect === 'chat' || dialect === 'completions') && parsed.value('stream') === true && !countsCachedTokens && (hosted !== true || this.services.runtime.acting);
    const { body: asked, removeUsageChunk } = wanted ? askForUsage(plain, parsed.members, lent.take) : { body: plain, removeUsageChunk: false };
    const spliced = this.salted(asked, parsed, engine, context.caller.tenant, lent.take);
    // A compressed body goes on as it came, to whoever reads it, unless something has to be added to it.
    const body = spliced === plain && passThrough === true && editsBody !== true ? bytes : spliced;
    const headers = requestHeaders(context.headers, { accept: removeUsageChunk ? 'plain' : 'readable', hosted: hosted === true, unpacked: body !== bytes });
    const call = new OutgoingCall({ dialect, method: context.request.method ?? 'POST', path: context.target, headers, body, content: parsed, signal: context.call, memory: lent });
    return { call, removeUsageChunk };
  }

  /** The call in chat completions; its answer is asked for plain, for it has to be read. */
  private translatedCall({ body, parsed }: TranslatedCall, engine: Engine, context: RouteContext): { call: OutgoingCall; removeUsageChunk: boolean } {
    const content = { members: parsed };
    const headers = chatHeaders(requestHeaders(context.headers, { accept: 'plain', hosted: false, unpacked: true }));
    const salted = this.salted(body, content, engine, context.caller.tenant);
    return { call: new OutgoingCall({ dialect: 'chat', method: 'POST', path: CHAT_PATH, headers, body: salted, content, signal: context.call }), removeUsageChunk: false };
  }

  /** With the salt of the tenant in place of any that the client sent: by a guessed one it could feel for another's prompts. */
  private salted(body: Buffer, content: { readonly members: JsonObject }, engine: Engine, tenant: TenantId, memory?: Memory): Buffer {
    const salt = engine.capabilities.saltsCache === true ? this.services.cacheSalt(tenant) : undefined;
    return salt === undefined ? body : setMember(body, content.members, 'cache_salt', JSON.stringify(salt), memory);
  }

  /** The same for a body that is not read otherwise; one that is no JSON object has no place for a salt. */
  private async saltedUnread(body: Buffer, engine: Engine, { request, caller }: RouteContext): Promise<Buffer> {
    if (request.method !== 'POST' || engine.capabilities.saltsCache !== true || this.services.cacheSalt(caller.tenant) === undefined) return body;
    const encoding = request.headers['content-encoding'];
    const plain = encoding === undefined ? body : await unpack(body, encoding, this.services.bodyBytes);
    const parsed = jsonOrUndefined(plain.toString());
    return isFields(parsed) ? this.salted(plain, { members: parsed }, engine, caller.tenant) : body;
  }

  /** @throws EntresolError `ENT_UPSTREAM_CREDENTIAL` where the only credential was for this server */
  private checkCredential(engine: Engine, { stripped, headers }: RouteContext): void {
    if (!stripped || engine.capabilities.wantsCredential !== true || headerOf(headers, 'authorization') !== undefined || headerOf(headers, 'x-api-key') !== undefined) return;
    throw new EntresolError('ENT_UPSTREAM_CREDENTIAL', `${engine.replica} wants a credential, and the call brought none but a key of this server.`, { at: engine.replica });
  }
}

/** One call between its arrival and its one `request-end`. */
class ObservedCall {
  private readonly services: CallServices;
  private readonly prepared: Prepared;
  private readonly view: RequestView;
  private readonly estimates: PromptEstimates;
  private engine: Engine | undefined;
  private answer: ClientAnswer | undefined;
  private ttftMs: number | undefined;
  private dispatchedAtMs = 0;
  private ended = false;

  constructor(services: CallServices, prepared: Prepared, view: RequestView, estimates: PromptEstimates) {
    this.estimates = estimates;
    this.services = services;
    this.prepared = prepared;
    this.view = view;
  }

  private answerToClient(removeUsageChunk: boolean): ClientAnswer {
    const { view, prepared } = this;
    const { runtime, clock } = this.services;
    return new ClientAnswer(prepared.context.call, {
      requestId: view.id, dialect: prepared.dialect, removeUsageChunk,
      timing: () => `entresol;dur=${(this.dispatchedAtMs - prepared.receivedAtMs).toFixed(2)}, engine;dur=${(clock.nowMs() - this.dispatchedAtMs).toFixed(2)}`,
      firstContent: () => {
        const atMs = clock.nowMs();
        this.ttftMs = atMs - prepared.receivedAtMs;
        runtime.observe({ type: 'first-token', atMs, by: view.by, request: view.id, ttftMs: this.ttftMs });
      },
      toolCall: (call) => runtime.observe({ type: 'tool-call-streamed', atMs: clock.nowMs(), by: view.by, request: view.id, toolCall: toolCallId(call.id), name: call.name, argumentsJson: call.arguments }),
    });
  }

  /** Where the engine does not speak the client's dialect: what stands between its answer and the client. */
  private translation(answer: ClientAnswer): TranslatedAnswer | undefined {
    const { view } = this;
    return this.prepared.translated?.answer(answer, { requestId: view.id, promptTokens: view.promptTokensExact ? view.promptTokens : 0, nowSeconds: Math.floor(Date.now() / 1000) });
  }

  /** @throws EntresolError only while no byte of an answer has gone out */
  async dispatch(engine: Engine, call: EngineCall, removeUsageChunk: boolean): Promise<void> {
    const { runtime, clock, steps } = this.services;
    const { call: signal } = this.prepared.context;
    const answer = this.answerToClient(removeUsageChunk);
    this.engine = engine;
    this.answer = answer;
    this.dispatchedAtMs = clock.nowMs();
    const translation = this.translation(answer);
    runtime.observe({ type: 'request-dispatch', atMs: this.dispatchedAtMs, by: this.view.by, request: this.view.id, replica: engine.replica });
    try {
      const report = await engine.handle(call, translation ?? answer);
      const { settled } = answer;
      if (settled !== undefined) await settled.catch(() => undefined);
      // The client has its answer: what is learned of it can wait for others.
      const endedAtMs = clock.nowMs();
      const turn = steps.turn();
      if (turn !== undefined) await turn;
      this.end(signal.aborted ? 'cancelled' : 'error', translation === undefined ? report : translation.completed(report), endedAtMs);
    } catch (thrown) {
      const error = asEntresolError(thrown);
      if (!answer.begun && notTaken(error)) throw error;
      this.end(signal.aborted || error.code === 'ENT_CANCELLED' ? 'cancelled' : 'error');
      if (!answer.begun) throw thrown;
      runtime.note(this.view.id, [`the answer broke off: ${error.code}: ${error.message}`]);
      this.services.log('error', 'an answer broke off', { request: this.view.id, error: error.describe() });
      answer.destroy();
    }
  }

  end(failure: RequestStatus, report?: CallReport, endedAtMs = this.services.clock.nowMs()): void {
    if (this.ended) return;
    this.ended = true;
    const { runtime, hash } = this.services;
    const { input, identity, inference } = this.prepared.identified;
    const reader = this.answer?.reader;
    const complete = completeReport({ report, reader, failure, engineCounts: this.engine?.capabilities.countsCachedTokens ?? false, estimatedPromptTokens: this.view.promptTokens, hash });
    if (complete.status === 'error' && report?.status === 'ok' && this.engine !== undefined) runtime.engineTrouble(this.engine.replica, 'error-in-answer');
    if (complete.status === 'ok' && reader !== undefined) {
      const { text, toolCalls, responseId } = reader;
      const said: { text?: string; readonly toolCalls: typeof toolCalls; responseId?: string } = { toolCalls };
      if (text !== undefined) said.text = text;
      if (responseId !== undefined) said.responseId = responseId;
      rememberAnswer(input, identity, inference, said);
    }
    const { translated } = this.prepared;
    if (translated !== undefined && this.engine?.inspect === undefined && reader?.usage !== undefined && complete.status === 'ok') this.estimates.learn(translated.parsed, this.view.by.tenant, complete.promptTokens);
    const base = { atMs: endedAtMs, by: this.view.by };
    if (complete.status === 'cancelled') runtime.observe({ type: 'request-cancel', ...base, request: this.view.id });
    runtime.finish(this.view.id, complete, this.ttftMs === undefined ? { endedAtMs } : { endedAtMs, ttftMs: this.ttftMs });
    if (identity.final) runtime.observe({ type: 'session-end', ...base, reason: 'explicit' });
  }
}
