import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BIN_HIGH_MS, BIN_LOW_MS, BIN_MIDDLE_MS, TIME_BINS, addMass, addRest, timeBin } from './time-grid.ts';

describe('addRest', () => {
  it('puts masses where addMass puts them one by one', () => {
    fc.assert(fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: TIME_BINS, maxLength: TIME_BINS }),
      fc.double({ min: 0, max: 900_000, noNaN: true }),
      (masses, beforeMs) => {
        const start = timeBin(beforeMs);
        const together = new Float64Array(TIME_BINS);
        addRest(together, Float64Array.from(masses), start, beforeMs, 0.5);
        const single = new Float64Array(TIME_BINS);
        for (let bin = start; bin < TIME_BINS; bin++) {
          if (masses[bin] <= 0) continue;
          addMass(single, BIN_LOW_MS[bin] < beforeMs ? (BIN_HIGH_MS[bin] - beforeMs) / 2 : BIN_MIDDLE_MS[bin] - beforeMs, masses[bin] * 0.5);
        }
        for (let bin = 0; bin < TIME_BINS; bin++) expect(together[bin]).toBeCloseTo(single[bin], 9);
      },
    ));
  });
});
