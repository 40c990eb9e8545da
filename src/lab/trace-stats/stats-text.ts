import type { Spread } from './spread.ts';
import type { TraceStats } from './trace-stats.ts';

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
/** Percentiles are within 1 %: more digits would be pretence. */
const short = (value: number): string => String(value >= 10 ? Math.round(value) : Number(value.toPrecision(2)));
const spread = ({ p10, p50, p90, p99, most }: Spread, unit = ''): string => `${short(p50)}${unit} (p10 ${short(p10)}, p90 ${short(p90)}, p99 ${short(p99)}, most ${short(most)})`;

/** For a person. */
export function statsText(stats: TraceStats): string {
  const { reuse } = stats;
  const lines: string[] = [`${stats.trace}: ${stats.sessions} sessions, ${stats.calls} calls, ${stats.agents.length + stats.otherAgents} agents`];
  const line = (label: string, text: string): void => { lines.push(`  ${label.padEnd(20)} ${text}`); };
  line('calls per session', spread(stats.callsPerSession));
  line('prompt tokens', spread(stats.promptTokens));
  line('output tokens', spread(stats.outputTokens));
  line('gap between calls', stats.gapSeconds === null ? 'no clock: replay works it out from lengths' : spread(stats.gapSeconds, ' s'));
  line('prompt by step', stats.promptGrowth.map(({ step, promptTokens }) => `${step}: ${Math.round(promptTokens)}`).join(', '));
  line('distinct blocks', `${stats.distinctBlocks} of ${stats.blockSize} tokens`);
  line('working set', `${stats.workingSetBlocks} blocks with ${stats.concurrency} sessions at once; capacities ${stats.capacities.map(({ fraction, blocks }) => `${fraction}: ${blocks}`).join(', ')}`);
  line('reuse', `${percent(reuse.share)} of prompt blocks were used before: ${percent(reuse.sameAgent)} of these last by the same agent of the session, ${percent(reuse.otherAgentSameSession)} by another agent of it, ${percent(reuse.otherSession)} by another session`);
  line('reuse distance', `${spread(reuse.distanceBlocks, ' blocks')}`);
  line('', `${spread(reuse.distanceOfWorkingSet, ' of the working set')}: what LRU needs to find them`);
  line('reuse time', spread(reuse.seconds, ' s'));
  const width = Math.max(5, ...stats.agents.map(({ agent }) => agent.length));
  lines.push(`  ${'agent'.padEnd(width)}  calls  instances  prompt  output  next`);
  for (const { agent, calls, instances, promptTokens, outputTokens, next } of stats.agents) {
    const cells = [String(calls).padStart(5), String(instances).padStart(9), String(Math.round(promptTokens)).padStart(6), String(Math.round(outputTokens)).padStart(6)];
    lines.push(`  ${agent.padEnd(width)}  ${cells.join('  ')}  ${next.map((to) => `${to.agent} ${percent(to.share)}`).join(', ')}`);
  }
  if (stats.otherAgents > 0) lines.push(`  and ${stats.otherAgents} more agents`);
  return lines.join('\n');
}
