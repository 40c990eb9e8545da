/** `entresol doctor --server`: how the calls of a running server say who they are, and what would make them say it better. */
import { request } from 'undici';
import type { ClientCoverage, Coverage, FieldCoverage } from '../core/index.ts';
import type { Finding } from './finding.ts';

const TIMEOUT_MS = 5000;
/** Fewer sure calls than this are worth a note. */
const ENOUGH = 0.9;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function fieldText(name: string, { sure, sources }: FieldCoverage): string {
  return `${name} ${percent(sure)} sure (${Object.entries(sources).slice(0, 3).map(([source, part]) => `${percent(part)} ${source}`).join(', ')})`;
}

function clientText({ client, calls, session, agent, withParent, withConflict }: ClientCoverage): string {
  const asides = [withParent > 0 ? `${percent(withParent)} with a parent` : '', withConflict > 0 ? `${percent(withConflict)} with sources that disagree` : ''].filter((aside) => aside !== '');
  return `${client}, ${calls} ${calls === 1 ? 'call' : 'calls'}: ${[fieldText('agent', agent), fieldText('session', session), ...asides].join(', ')}`;
}

export function coverageFinding(check: string, { calls, clients }: Coverage): Finding {
  if (calls === 0) return { check, result: 'note', detail: 'no call has come yet.' };
  const weak = clients.filter(({ agent, session, mend }) => mend !== undefined && (agent.sure < ENOUGH || session.sure < ENOUGH));
  const detail = clients.map(clientText).join('; ');
  if (weak.length === 0) return { check, result: 'ok', detail };
  return { check, result: 'note', detail: `${detail}.`, mend: `To raise it: ${weak.map(({ client, mend }) => `${client}: ${mend}`).join('; ')}.` };
}

function fieldsOf(text: string): { readonly coverage?: Coverage } {
  const value = JSON.parse(text) as unknown;
  return typeof value === 'object' && value !== null ? value : {};
}

/** @param key of that server, where it has keys */
export async function identityCoverage(url: string, key?: string): Promise<Finding> {
  const check = `server ${url}`;
  const mend = 'Give the address that entresol serve printed.';
  try {
    const { statusCode, body } = await request(`${url.replace(/\/+$/, '').replace(/\/v1$/, '')}/entresol/v1/agents`, {
      reset: true, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, signal: AbortSignal.timeout(TIMEOUT_MS), ...(key === undefined ? {} : { headers: { 'x-entresol-key': key } }),
    });
    const text = await body.text();
    if (statusCode === 401) return { check, result: 'failed', detail: key === undefined ? 'it wants a key.' : 'it does not know the key in ENTRESOL_KEY.', mend: 'Set ENTRESOL_KEY to a key of that server.' };
    const coverage = statusCode === 200 ? fieldsOf(text).coverage : undefined;
    return coverage === undefined ? { check, result: 'failed', detail: `GET /entresol/v1/agents answers ${statusCode}.`, mend } : coverageFinding(check, coverage);
  } catch (error) {
    const why = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
    return { check, result: 'failed', detail: `no answer (${why}).`, mend };
  }
}
