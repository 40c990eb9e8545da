/** How a policy's line looks: ours, LRU and the bounds stand out; the others share the rest of the colour circle. */
export interface Look {
  readonly colour: string;
  readonly width: number;
  readonly dash: number[];
}

const GOLDEN_ANGLE = 137.508;

export function lookOf(name: string, index: number, count: number, bound: boolean, dark: boolean): Look {
  if (name === 'cache-sage') return { colour: dark ? '#4cc2ff' : '#0067c0', width: 3.5, dash: [] };
  if (name === 'lru') return { colour: dark ? '#e6e6e6' : '#303030', width: 2.5, dash: [] };
  if (bound) return { colour: dark ? '#9a9a9a' : '#7a7a7a', width: 1.5, dash: index % 2 === 0 ? [8, 4] : [2, 3] };
  // Successive golden angles lie far apart however many there are; our own blue (180 to 250 degrees) is left out.
  const hue = Math.round((250 + ((index * GOLDEN_ANGLE) % 360) * (290 / 360)) % 360);
  const lightness = (dark ? 62 : 42) + (index % 3) * (dark ? 6 : 5);
  return { colour: `hsl(${hue} ${count > 8 ? 65 : 75}% ${lightness}%)`, width: 1.5, dash: [] };
}
