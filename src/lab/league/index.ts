/** All policies × traces × capacities; docs/league.md tells how to read it. */
export { contestants, knownContestants, type Contestant } from './contestants.ts';
export type { LeagueDocument, LeagueRow } from './document.ts';
export { leaguePage } from './html.ts';
export { leaveOut, type FailedReplay } from './left-out.ts';
export { leagueDocument, leagueJobs, type LeaguePlan } from './league.ts';
export { leagueTraces } from './league-traces.ts';
export { leagueMarkdown } from './markdown.ts';
