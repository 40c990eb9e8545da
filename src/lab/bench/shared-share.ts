/** How much of what sessions begin with other sessions have begun with before. */
import { commonPrefix } from '../../engines/slots/common-prefix.ts';
import type { PlannedSession } from './planned-session.ts';

/** Share of the tokens of the sessions' first prompts, by agent, that some earlier session's prompt of any agent begins with. */
export function sharedShare(sessions: readonly PlannedSession[]): number {
  const seen: Int32Array[] = [];
  let shared = 0;
  let all = 0;
  for (const session of sessions) {
    const firsts = [...new Map(session.calls.toReversed().map((call) => [call.agent, call.prompt])).values()];
    for (const prompt of firsts) {
      all += prompt.length;
      shared += seen.reduce((most, earlier) => Math.max(most, commonPrefix(earlier, prompt)), 0);
    }
    seen.push(...firsts);
  }
  return all === 0 ? 0 : shared / all;
}
