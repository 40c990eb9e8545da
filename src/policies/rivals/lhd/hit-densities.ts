/**
 * Hit density by class and age (Beckmann, Chen, Cidon, NSDI 2018, section 4): of units that reached an age, the expected
 * hits over the expected time until they are hit or evicted, both counted from that age on.
 *
 * Ages are in accesses, in logarithmic buckets, four an octave: the paper coarsens linearly and adapts the step.
 */
export const AGE_BUCKETS = 96;
const BUCKETS_PER_OCTAVE = 4;

export function ageBucket(age: number): number {
  return Math.min(AGE_BUCKETS - 1, Math.floor(BUCKETS_PER_OCTAVE * Math.log2(1 + age)));
}

const BUCKET_WIDTHS = Float64Array.from({ length: AGE_BUCKETS }, (_, bucket) => 2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE) - 2 ** (bucket / BUCKETS_PER_OCTAVE));

interface ClassTable {
  readonly hits: Float32Array;
  readonly evictions: Float32Array;
  readonly densities: Float32Array;
}

export class HitDensities {
  readonly #decay: number;
  /** Made when the class is first met. */
  readonly #classes: (ClassTable | undefined)[];

  /** @param decay what is left of the counts at each renewal */
  constructor(classes: number, decay: number) {
    this.#classes = Array.from({ length: classes });
    this.#decay = decay;
  }

  countHit(ofClass: number, age: number): void { this.#table(ofClass).hits[ageBucket(age)]++; }

  countEviction(ofClass: number, age: number): void { this.#table(ofClass).evictions[ageBucket(age)]++; }

  /** Hits per access that passes. */
  density(ofClass: number, age: number): number { return this.#table(ofClass).densities[ageBucket(age)]; }

  /** Computes the densities anew from the counts, which then fade. */
  renew(): void {
    for (const table of this.#classes) if (table !== undefined) this.#renewClass(table);
  }

  get bytes(): number { return this.#classes.reduce((sum, table) => sum + (table === undefined ? 0 : AGE_BUCKETS * 12), 0); }

  #renewClass({ hits, evictions, densities }: ClassTable): void {
    let hitsFrom = 0;
    let eventsFrom = 0;
    /** Sum over those that reached this age of how long they then stayed. */
    let lifetime = 0;
    for (let bucket = AGE_BUCKETS - 1; bucket >= 0; bucket--) {
      hitsFrom += hits[bucket];
      eventsFrom += hits[bucket] + evictions[bucket];
      lifetime += eventsFrom * BUCKET_WIDTHS[bucket];
      if (eventsFrom > 0) densities[bucket] = hitsFrom / lifetime;
      else densities[bucket] = 0;
      hits[bucket] *= this.#decay;
      evictions[bucket] *= this.#decay;
    }
  }

  #table(ofClass: number): ClassTable {
    return (this.#classes[ofClass] ??= {
      hits: new Float32Array(AGE_BUCKETS),
      evictions: new Float32Array(AGE_BUCKETS),
      // Until something is known: the older the less.
      densities: Float32Array.from({ length: AGE_BUCKETS }, (_, bucket) => 2 ** (-bucket / BUCKETS_PER_OCTAVE)),
    });
  }
}
