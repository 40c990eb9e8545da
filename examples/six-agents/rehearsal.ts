/** The requests that a scripted session will send, without a server: each answer is taken from the script. */
import type { CallRequest } from './call.ts';
import { runSession, type Caller } from './session.ts';
import type { SessionScript } from './script.ts';
import type { DocumentLibrary } from './tools/document-library.ts';

const NO_TIME = { nowMs: () => 0, sleep: () => Promise.resolve() };

export async function rehearse(script: SessionScript, library: DocumentLibrary, model: string): Promise<CallRequest[]> {
  const requests: CallRequest[] = [];
  const answerFromScript: Caller = (request) => {
    const step = script.steps[requests.length];
    requests.push(request);
    return Promise.resolve({
      answer: {
        content: step.answer,
        toolCalls: step.toolCall === undefined ? [] : [{ id: `call_${requests.length}`, type: 'function', function: { name: step.toolCall.name, arguments: JSON.stringify(step.toolCall.arguments) } }],
      },
      times: { sentAtMs: 0, firstContentAtMs: 0, endedAtMs: 0 },
      usage: { promptTokens: 0, cachedTokens: 0, outputTokens: 0 },
    });
  };
  await runSession(answerFromScript, { script, library, pace: NO_TIME, model, thinkMs: 0, forced: true });
  return requests;
}
