/** What must stand beside the figures, in Markdown and on the page. */
import type { LeagueDocument } from './document.ts';

export const BELADY_NOTE = 'Belady is the optimum where all blocks cost the same: late blocks of a prompt cost more, so a policy may save more prefill time than Belady with fewer hits.';
export const FIT_NOTE = 'A policy\'s free constants are chosen, for each trace, by the best mean share on the other traces alone. Where nothing is fitted the constants are those of the policy\'s source, the same on every trace; that says nothing of what was looked at when they were chosen, and cache-sage was made with the given traces in sight.';

/** One line per trace or policy that is not in the figures. */
export function leftOutLines({ failed }: LeagueDocument): string[] {
  return failed.map(({ trace, policy, message }) => `${trace === undefined ? `policy ${policy ?? ''}` : `trace ${trace}`}: ${message}`);
}

/** One line per policy that is no bound. */
export function fittedLines({ policies, fittedOn, timings }: LeagueDocument): string[] {
  return policies.filter(({ bound }) => !bound).map(({ name }) => {
    const fitted = fittedOn[name];
    if (!fitted.fitted) return `${name}: nothing is fitted.`;
    const byTrace = Object.entries(fitted.byTiming[timings[0]] ?? {});
    if (byTrace.every(([, { traces }]) => traces.length === 0)) return `${name}: there is no other trace to fit on, so these are its defaults.`;
    const choices = byTrace.map(([trace, { parameters }]) => {
      const values = Object.entries(parameters).map(([parameter, value]) => `${parameter} ${value}`);
      return `${trace}: ${values.length === 0 ? 'defaults' : values.join(', ')}`;
    });
    return `${name}: fitted for each trace on all others that have agents; ${timings[0]} timing: ${choices.join('; ')}.`;
  });
}
