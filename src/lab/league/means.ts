import { mean, type LeagueDocument, type LeagueMeans, type LeagueRow } from './document.ts';

type Means = LeagueDocument['means'];

/** What each policy does on the whole, by timing. */
export function meansOf({ policies, traces, rows, timings }: Pick<LeagueDocument, 'policies' | 'traces' | 'rows' | 'timings'>): Means {
  const means: Record<string, Partial<Record<LeagueRow['timing'], LeagueMeans>>> = Object.fromEntries(policies.map(({ name }) => [name, {}]));
  const controls = new Set(traces.filter(({ control }) => control).map(({ trace }) => trace));
  for (const timing of timings) {
    const ofTiming = rows.filter((row) => row.timing === timing);
    const led = leaders(policies.filter(({ bound }) => !bound).map(({ name }) => name), traces.map(({ trace }) => trace).filter((trace) => !controls.has(trace)), ofTiming);
    const lru = ofTiming.filter(({ policy, trace }) => policy === 'lru' && !controls.has(trace));
    for (const { name } of policies) {
      const all = ofTiming.filter(({ policy }) => policy === name);
      const own = all.filter(({ trace }) => !controls.has(trace));
      const shares = own.flatMap(({ share }) => share ?? []);
      const worst = all.reduce((least, row) => (row.gainPoints < least.gainPoints ? row : least));
      const most = (field: 'stateBytes' | 'otherStateBytes'): number => Math.max(...all.map((row) => row[field]));
      means[name][timing] = {
        share: mean(shares),
        pairs: shares.length,
        hitRate: mean(own.map(({ hitRate }) => hitRate)) ?? 0,
        prefillSavedOverLru: mean(own.flatMap(({ prefillMsSaved, trace, capacity }) => {
          const base = lru.find((row) => row.trace === trace && row.capacity === capacity)?.prefillMsSaved ?? 0;
          return base > 0 ? prefillMsSaved / base : [];
        })) ?? 0,
        worst: { trace: worst.trace, capacity: worst.capacity, gainPoints: worst.gainPoints },
        tracesLed: led.get(name) ?? 0,
        stateBytes: most('stateBytes'),
        otherStateBytes: most('otherStateBytes'),
        decideUs: median(all.map(({ decideUs }) => decideUs)),
        observeUs: median(all.map(({ observeUs }) => observeUs)),
      };
    }
  }
  return means;
}

/** Of times, so that a pause of the machine in one replay does not show. */
function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)];
}

/** On how many traces no other policy has a better mean share; a tie counts for each. */
function leaders(policies: readonly string[], traces: readonly string[], rows: readonly LeagueRow[]): Map<string, number> {
  const led = new Map<string, number>();
  for (const trace of traces) {
    const shares = policies.map((policy) => mean(rows.filter((row) => row.trace === trace && row.policy === policy).flatMap(({ share }) => share ?? [])));
    const best = Math.max(...shares.map((share) => share ?? -Infinity));
    if (best === -Infinity) continue;
    policies.forEach((policy, index) => { if (shares[index] === best) led.set(policy, (led.get(policy) ?? 0) + 1); });
  }
  return led;
}
