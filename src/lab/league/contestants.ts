/** Who plays: policies with all the parameter values that may be fitted, and bounds. */
import { EntresolError, type ParameterTable } from '../../core/index.ts';
import { POLICIES } from '../../policies/registry.ts';
import { loadPolicy } from '../../runtime/load-policy.ts';
import { BOUND_NAMES, boundNamed, contenderFor, type ParameterChoice } from '../replay/index.ts';

export interface Contestant {
  readonly name: string;
  /** A name, or the absolute path of a policy file. */
  readonly reference: string;
  readonly bound: boolean;
  /** Makes nothing of a call's end: replayed by the exact rules in any timing. */
  readonly exactOnly: boolean;
  /** The defaults (nothing) first. More than one: the league fits. */
  readonly variants: readonly ParameterChoice[];
}

const MOST_VARIANTS = 64;
/** What shares are measured from and to. */
export const SCALE = ['lru', 'belady'] as const;

/** Every policy that decides retention, and every bound. */
export function knownContestants(): string[] {
  return [...POLICIES.filter(({ decisions }) => decisions.includes('retention')).map(({ name }) => name), ...BOUND_NAMES];
}

/** Every combination of candidates, those of the defaults first and as nothing at all. */
export function variantsOf(table: ParameterTable): ParameterChoice[] {
  let variants: ParameterChoice[] = [{}];
  for (const [name, { candidates, default: usual }] of Object.entries(table)) {
    const others = (candidates ?? []).filter((value) => value !== usual);
    variants = variants.flatMap((variant) => [variant, ...others.map((value) => ({ ...variant, [name]: value }))]);
  }
  return variants;
}

/**
 * @param references names and absolute paths; LRU and Belady are added, for shares are measured between them
 * @throws EntresolError `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID`, `ENT_USAGE` for two of one name or too many combinations
 */
export async function contestants(references: readonly string[], fit: boolean): Promise<Contestant[]> {
  const all = [...references, ...SCALE.filter((name) => !references.includes(name))];
  const found: Contestant[] = [];
  for (const reference of all) {
    const contestant = await contestantOf(reference, fit);
    if (found.some(({ name }) => name === contestant.name)) throw new EntresolError('ENT_USAGE', `two policies are called ${contestant.name}.`, { at: '--policy' });
    if (contestant.variants.length > MOST_VARIANTS) {
      throw new EntresolError('ENT_USAGE', `${contestant.name} has ${contestant.variants.length} combinations of candidates; at most ${MOST_VARIANTS} are tried.`, { at: '--policy' });
    }
    found.push(contestant);
  }
  return found;
}

async function contestantOf(reference: string, fit: boolean): Promise<Contestant> {
  const bound = boundNamed(reference);
  if (bound !== undefined) return { name: bound.name, reference, bound: true, exactOnly: bound.exactOnly, variants: [{}] };
  const definition = await loadPolicy(reference, BOUND_NAMES);
  return { name: definition.name, reference, bound: false, exactOnly: contenderFor(definition).exactOnly, variants: fit ? variantsOf(definition.parameters) : [{}] };
}
