/** An engine within Entresol that really decodes, and decodes what the scripted model says. */
import type { Answer, CallReport, EngineCall, TenantId } from '../../../src/core/index.ts';
import { SimulatedEngine } from '../../../src/engines/simulated/engine.ts';
import { fieldsOf } from '../../../src/gateway/json-fields.ts';
import { nextAnswer } from './scripted-model.ts';

const STORY = 'This story has no end. '.repeat(200);

export class ForcedEngine extends SimulatedEngine {
  /** The same parsed body for both looks at a call: the engine reads it once. */
  private readonly forced = new WeakMap<object, object>();

  constructor() {
    super({ teacherForcing: true, contextTokens: 8192 });
  }

  override inspect(call: Omit<EngineCall, 'request'>, tenant: TenantId): ReturnType<SimulatedEngine['inspect']> {
    return super.inspect(this.withForce(call), tenant);
  }

  override handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    return super.handle(this.withForce(call), answer);
  }

  private withForce<Call extends Omit<EngineCall, 'request'>>(call: Call): Call {
    const { parsed } = call;
    if (call.dialect !== 'chat' || typeof parsed !== 'object' || parsed === null) return call;
    let forced = this.forced.get(parsed);
    if (forced === undefined) {
      const answer = nextAnswer('chat', fieldsOf(parsed));
      const force = answer === 'endless' ? { content: STORY } : { content: answer.text ?? '', tool_calls: (answer.toolCalls ?? []).map(({ name, arguments: json }) => ({ name, arguments: json })) };
      forced = { ...parsed, entresol_force: force };
      this.forced.set(parsed, forced);
    }
    return { ...call, parsed: forced };
  }
}
