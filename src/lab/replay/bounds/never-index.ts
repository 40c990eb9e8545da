import type { RetentionIndex, StateBytes } from '../../../core/index.ts';

/** The index of a cache that never needs a victim. */
export class NeverIndex implements RetentionIndex {
  define(): void { /* nothing to remember */ }
  touch(): void { /* nothing to remember */ }
  setResident(): void { /* nothing to remember */ }
  forget(): void { /* nothing to remember */ }
  value(): number { return Infinity; }
  victims(): [] { return []; }
  leases(): [] { return []; }
  stateBytes(): StateBytes { return { learned: 0, working: 0, ghosts: 0 }; }
}
