import type { Forecast, Query, SessionForecasts, SessionId } from '../core/index.ts';
import { AGENT_SLOTS } from './agent-table.ts';
import type { LearnedTables } from './learned-tables.ts';
import type { SessionState } from './session-state.ts';
import { TIME_BINS, quantileMs } from './time-grid.ts';
import { OUTSIDE } from './transitions.ts';

/** What an answer needs. */
export interface Knowledge {
  readonly tables: LearnedTables;
  readonly forecasts: SessionForecasts;
  sessionState(id: SessionId): SessionState | undefined;
  alive(session: SessionState, nowMs: number): number;
}

const UNKNOWN: Forecast = { kind: 'unknown' };

/** Answers one query in words; `unknown` where nothing has been learned yet. */
export function predict(query: Query, knowledge: Knowledge): Forecast {
  const { tables } = knowledge;
  switch (query.kind) {
    case 'next-agents':
      return nextAgents(tables, knowledge.sessionState(query.session));
    case 'time-to-next-call': {
      const session = knowledge.sessionState(query.session);
      return session === undefined || tables.gapsFromArrival.total === 0 ? UNKNOWN : timeToNextCall(knowledge, session, query.nowMs);
    }
    case 'session-end': {
      const session = knowledge.sessionState(query.session);
      return session === undefined ? UNKNOWN : { kind: 'session-end', probability: 1 - knowledge.alive(session, query.nowMs) };
    }
    case 'output-length': {
      const quantilesTokens = tables.outputs.forecast(tables.agents.slotOf(query.by.agent));
      return quantilesTokens === undefined ? UNKNOWN : { kind: 'output-length', quantilesTokens };
    }
    case 'tool-duration': {
      const quantilesMs = tables.tools.duration(query.tool);
      return quantilesMs === undefined ? UNKNOWN : { kind: 'tool-duration', quantilesMs };
    }
    case 'tool-purity': {
      const purity = tables.tools.purity(query.tool);
      return purity === undefined ? UNKNOWN : { kind: 'tool-purity', ...purity };
    }
  }
}

function nextAgents(tables: LearnedTables, session: SessionState | undefined): Forecast {
  const next = tables.transitions.next(session === undefined ? OUTSIDE : session.agentSlot);
  const agents = [];
  let pooled = next[AGENT_SLOTS];
  for (let slot = 0; slot < AGENT_SLOTS; slot++) {
    const agent = tables.agents.nameOf(slot);
    if (agent !== undefined && next[slot] > 0) agents.push({ agent, probability: next[slot] });
    else pooled += next[slot];
  }
  if (agents.length === 0) return UNKNOWN;
  // Agents without a slot have no name to answer with: their share goes to the named ones and the end alike.
  const scale = 1 / (1 - pooled);
  return {
    kind: 'next-agents',
    agents: agents.map(({ agent, probability }) => ({ agent, probability: probability * scale })).sort((a, b) => b.probability - a.probability),
    end: next[OUTSIDE] * scale,
  };
}

function timeToNextCall(knowledge: Knowledge, session: SessionState, nowMs: number): Forecast {
  const mass = new Float64Array(TIME_BINS);
  knowledge.forecasts.nextCall(session, nowMs, mass);
  const total = mass.reduce((sum, value) => sum + value, 0);
  const quantile = (fraction: number): number => (total > 0 ? quantileMs(mass, total, fraction) : Infinity);
  return { kind: 'time-to-next-call', quantilesMs: { p10: quantile(0.1), p50: quantile(0.5), p90: quantile(0.9) }, never: Math.max(0, 1 - total) };
}
