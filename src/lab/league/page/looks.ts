/** How a policy's line looks: ours, LRU and the bounds stand out; the others have colours that lie apart, and dashes when those run out. */
export interface Look {
  readonly colour: string;
  readonly width: number;
  readonly dash: number[];
}

/** Neither blue, which is ours, nor grey: orange, green, purple, magenta, teal, brown, red, olive, pink, deep green, rust, violet. */
const LIGHT = ['#d9601a', '#1a8a3c', '#8a3ffc', '#c4176b', '#007d79', '#8a5a00', '#d31d27', '#6b7d00', '#e8599a', '#0e5a2c', '#9c3a12', '#5a2da0'];
const DARK = ['#ff9a52', '#5fd083', '#b890ff', '#ff6fb0', '#3fd0c9', '#d9a441', '#ff6b6b', '#c5d94a', '#ffa6cf', '#9be8b4', '#e98b5e', '#d4bbff'];

export function lookOf(name: string, index: number, bound: boolean, dark: boolean): Look {
  if (name === 'cache-sage') return { colour: dark ? '#4cc2ff' : '#0067c0', width: 3.5, dash: [] };
  if (name === 'lru') return { colour: dark ? '#e6e6e6' : '#303030', width: 2.5, dash: [] };
  if (bound) return { colour: dark ? '#9a9a9a' : '#7a7a7a', width: 1.5, dash: index % 2 === 0 ? [8, 4] : [2, 3] };
  const palette = dark ? DARK : LIGHT;
  return { colour: palette[index % palette.length], width: 1.5, dash: index < palette.length ? [] : [6, 3] };
}
