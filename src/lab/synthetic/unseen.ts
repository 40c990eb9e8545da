/**
 * Workloads with structures that no given trace has, to judge policies by on what they were not made for. Synthetic: sizes and times
 * are guesses, drawn by a seed. Nothing is to be tuned to them; a structure that is missing is a new entry.
 */
import { EntresolError, seededRandom, type Random } from '../../core/index.ts';
import type { Segment, TraceLine } from '../trace/trace-line.ts';
import { SessionScript } from './session-script.ts';
import { draw, drawIndex } from './truth.ts';

export interface UnseenWorkload {
  readonly name: string;
  readonly description: string;
  readonly sessions: number;
  play(script: SessionScript, session: number, random: Random): void;
}

const between = (least: number, most: number, random: Random): number => least + Math.floor(random() * (most - least + 1));
const pause = (median: number, spread: number, random: Random): number => draw({ median, spread }, random);
/** P(i) ∝ 1 / (i + 1). */
const zipf = (count: number, random: Random): number => {
  const weights = Array.from({ length: count }, (_, index) => 1 / (index + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Math.max(0, drawIndex(weights.map((weight) => weight / total), random));
};

const STAGES = 14;
/** Tokens before compaction. */
const CONTEXT_TOKENS = 24_000;
const ROLES = ['plan', 'search', 'write', 'criticise', 'decide'];
const MOST_SESSIONS_OF_A_PHASE = 70;

export const UNSEEN_WORKLOADS: readonly UnseenWorkload[] = [
  {
    name: 'deep-pipeline', description: 'fourteen stages in order, each reads all answers before it; one in four sends the work back two stages', sessions: 110,
    play(script, session, random) {
      const said: Segment[] = [[`task/${session}`, between(80, 500, random)]];
      for (let stage = 0, sentBack = 0; stage < STAGES; stage++) {
        said.push(script.call({ agent: `stage-${stage}`, prompt: [[`stage/${stage}`, 500 + 137 * ((stage * 5) % 11)], ...said], outputTokens: between(60, 500, random), tools: stage === STAGES - 1 ? [] : ['pass-on'] }));
        script.wait(pause(900, 0.8, random));
        if (stage >= 2 && sentBack < 3 && random() < 0.25) {
          stage -= 2;
          sentBack++;
        }
      }
    },
  },
  {
    name: 'fan-out', description: 'a coordinator and six to twelve workers side by side over one document, one to three rounds', sessions: 70,
    play(script, session, random) {
      const document: Segment = [`document/${session}`, between(3000, 8000, random)];
      const known: Segment[] = [];
      for (let round = between(1, 3, random); round > 0; round--) {
        known.push(script.call({ agent: 'coordinator', prompt: [['coordinator', 900], document, ...known], outputTokens: between(150, 400, random), tools: ['delegate'] }));
        const startMs = script.nowMs + 400;
        const ends: number[] = [];
        for (let worker = between(6, 12, random); worker > 0; worker--) {
          const own: Segment[] = [[`question/${session}/${round}/${worker}`, between(40, 200, random)]];
          script.nowMs = startMs;
          for (let calls = between(1, 3, random); calls > 0; calls--) {
            const answer = script.call({ agent: 'worker', instance: `worker-${worker}`, prompt: [['worker', 400], document, ...own], outputTokens: between(80, 600, random), tools: calls > 1 ? ['look-up'] : [] });
            own.push(answer, script.fresh('found', between(100, 900, random)));
            script.wait(pause(1500, 1, random));
            if (calls === 1) known.push(answer);
          }
          ends.push(script.nowMs);
        }
        script.nowMs = Math.max(...ends);
      }
      script.call({ agent: 'coordinator', prompt: [['coordinator', 900], document, ...known], outputTokens: between(300, 900, random), tools: [] });
    },
  },
  {
    name: 'interactive-coding', description: 'one agent, bursts of tool calls, a person who thinks for minutes between them, compaction of long histories', sessions: 50,
    play(script, session, random) {
      let history: Segment[] = [[`repository/${session}`, between(500, 2500, random)]];
      for (let turns = between(3, 10, random); turns > 0; turns--) {
        history.push(script.fresh('message', between(30, 400, random)));
        for (let calls = between(1, 12, random); calls > 0; calls--) {
          if (history.reduce((sum, [, tokens]) => sum + tokens, 0) > CONTEXT_TOKENS) history = [history[0], script.fresh('summary', 1500)];
          history.push(script.call({ agent: 'coder', prompt: [['coder', 2500], ...history], outputTokens: between(40, 700, random), tools: calls > 1 ? [['read', 'edit', 'run'][between(0, 2, random)]] : [] }));
          if (calls > 1) history.push(script.fresh('result', between(100, 1200, random)));
          script.wait(pause(1200, 1, random));
        }
        // A person reads and thinks; one time in twenty there is a meeting.
        script.wait(random() < 0.05 ? pause(3_600_000, 0.3, random) : pause(90_000, 1.3, random));
      }
    },
  },
  {
    name: 'invented-names', description: 'five roles with prompts that all sessions share, under names that each session makes up', sessions: 130,
    play(script, session, random) {
      const names = ROLES.map((role) => `${role.slice(0, 1)}${Math.floor(random() * 1e9).toString(36)}`);
      const said: Segment[] = [[`case/${session}`, between(100, 900, random)]];
      let role = 0;
      for (let calls = between(4, 26, random); calls > 0; calls--) {
        said.push(script.call({ agent: names[role], prompt: [[`role/${role}`, 450 + 250 * role], ...said], outputTokens: between(50, 450, random), tools: calls > 1 ? [`ask-${ROLES[(role + 1) % ROLES.length]}`] : [] }));
        script.wait(pause(2500, 0.9, random));
        role = random() < 0.6 ? (role + 1) % ROLES.length : between(0, ROLES.length - 1, random);
      }
    },
  },
  {
    name: 'layered-prefixes', description: 'a company\'s prompt, then one of six products, then one of twenty customers of each, then a short session of two agents', sessions: 420,
    play(script, session, random) {
      const product = zipf(6, random);
      const customer = zipf(20, random);
      const shared: Segment[] = [['company', 800], [`product/${product}`, 1000 + 400 * product], [`customer/${product}/${customer}`, 400 + 60 * customer], [`ticket/${session}`, between(50, 400, random)]];
      for (let calls = between(2, 8, random); calls > 0; calls--) {
        const checks = calls % 3 === 0;
        const answer = script.call({ agent: checks ? 'checker' : 'assistant', prompt: checks ? [['checker', 300], ...shared] : shared, outputTokens: between(40, 300, random), tools: calls > 1 ? ['crm'] : [] });
        shared.push(answer, script.fresh('record', between(50, 500, random)));
        script.wait(pause(6000, 1.2, random));
      }
    },
  },
  {
    name: 'drift', description: 'three phases: other agents take over, then all prompts change and sessions get twice as long', sessions: 3 * MOST_SESSIONS_OF_A_PHASE,
    play(script, session, random) {
      const phase = Math.floor(session / MOST_SESSIONS_OF_A_PHASE);
      const team = phase === 0 ? ['triage', 'support', 'billing'] : ['router', 'resolver', 'auditor', 'writer'];
      const said: Segment[] = [[`matter/${session}`, between(100, 600, random)]];
      for (let calls = between(4, 9, random) * (phase === 2 ? 2 : 1), at = 0; calls > 0; calls--, at++) {
        const agent = random() < 0.75 ? team[at % team.length] : team[between(0, team.length - 1, random)];
        said.push(script.call({ agent, prompt: [[`${agent}/${phase}`, 700 + 110 * agent.length], ...said], outputTokens: between(50, 500, random), tools: calls > 1 ? [`tool-${phase}`] : [] }), script.fresh('result', between(50, 700, random)));
        script.wait(pause(phase === 2 ? 8000 : 1500, 0.8, random));
      }
    },
  },
];

/**
 * The calls of a workload, as lines of a trace.
 * @throws EntresolError `ENT_USAGE` if no workload has that name
 */
export function* unseenLines(name: string, seed: number): Generator<TraceLine> {
  const workload = UNSEEN_WORKLOADS.find((each) => each.name === name);
  if (workload === undefined) throw new EntresolError('ENT_USAGE', `expected one of ${UNSEEN_WORKLOADS.map((each) => each.name).join(', ')}, found ${JSON.stringify(name)}.`, { at: 'WORKLOAD' });
  const random = seededRandom(seed);
  for (let session = 0; session < workload.sessions; session++) {
    const script = new SessionScript(name, `session-${session}`);
    workload.play(script, session, random);
    yield* script.lines();
  }
}
