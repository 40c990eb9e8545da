/** An engine within Entresol that really decodes, and decodes what the scripted model says. */
import type { Engine, EngineCall } from '../../../src/core/index.ts';
import { fieldsOf } from '../../../src/gateway/json-fields.ts';
import { nextAnswer } from './scripted-model.ts';

const STORY = 'This story has no end. '.repeat(200);

/** @param engine with teacher forcing on */
export function forceAnswers<Forced extends Engine>(engine: Forced): Forced {
  /** The same parsed body for both looks at a call: the engine reads it once. */
  const forcedBodies = new WeakMap<object, object>();
  const withForce = <Call extends Omit<EngineCall, 'request'>>(call: Call): Call => {
    const { parsed } = call;
    if (call.dialect !== 'chat' || typeof parsed !== 'object' || parsed === null) return call;
    let forced = forcedBodies.get(parsed);
    if (forced === undefined) {
      const answer = nextAnswer('chat', fieldsOf(parsed));
      const force = answer === 'endless' ? { content: STORY } : { content: answer.text ?? '', tool_calls: (answer.toolCalls ?? []).map(({ name, arguments: json }) => ({ name, arguments: json })) };
      forced = { ...parsed, entresol_force: force };
      forcedBodies.set(parsed, forced);
    }
    return { ...call, parsed: forced };
  };
  const inspect = engine.inspect?.bind(engine);
  const handle = engine.handle.bind(engine);
  if (inspect !== undefined) engine.inspect = (call, tenant) => inspect(withForce(call), tenant);
  engine.handle = (call, answer) => handle(withForce(call), answer);
  return engine;
}
