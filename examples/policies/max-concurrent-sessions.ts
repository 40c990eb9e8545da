/**
 * Holds whole sessions, not calls: when as many run as fit, a new session waits until one of them ends, and a call of
 * a running session is never held. The histories of those that run then stay in the cache.
 */
import { definePolicy } from 'entresol';

export default definePolicy({
  name: 'max-concurrent-sessions',
  summary: 'Lets at most so many sessions run at once; others wait for one to end.',
  decisions: ['admission'],
  parameters: {
    sessions: { default: 12, minimum: 1, maximum: 100_000, description: 'Sessions that may run at once.' },
    askAgainMs: { default: 1000, minimum: 1, maximum: 60_000, description: 'A held request is asked again after this time, or when anything ends.' },
  },
  create({ clock, parameters }) {
    const running = new Set<string>();
    return {
      observe(event) {
        if (event.type === 'request-admit') running.add(`${event.by.workload}/${event.by.session}`);
        if (event.type === 'session-end') running.delete(`${event.by.workload}/${event.by.session}`);
      },
      score: {
        admission: ({ by }) => running.has(`${by.workload}/${by.session}`) || running.size < parameters.sessions
          ? { kind: 'allow' }
          : { kind: 'hold', untilMs: clock.nowMs() + parameters.askAgainMs },
      },
    };
  },
});
