/**
 * Of the requests that wait, the one with the least left to prefill goes first: mean waiting time falls, long prompts
 * wait longer. Nothing starves, for the runtime lets whoever has waited too long go first.
 */
import { definePolicy } from 'entresol';

export default definePolicy({
  name: 'shortest-prompt-first',
  summary: 'Serves the request with the fewest uncached prompt tokens first.',
  decisions: ['order'],
  role: 'rank',
  create: () => ({
    score: {
      order(waiting, scores) {
        waiting.forEach((request, index) => { scores[index] = request.residentTokens - request.promptTokens; });
      },
    },
  }),
});
