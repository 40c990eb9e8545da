/** Files that the settings of an upstream's kind name: by the configuration file, and watched with it, whatever the kind. */
import type { ConfigPath } from './issues.ts';

type Holder = Record<string, unknown>;
export interface NamedFile {
  readonly path: ConfigPath;
  readonly file: string;
  /** Puts another name in its place. */
  rename(file: string): void;
}

/** Their settings' name, in any kind. */
const NAME = 'secretFile';

/** @param at where the settings stand */
export function filesNamedIn(settings: unknown, at: ConfigPath): NamedFile[] {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return [];
  const holder = settings as Holder;
  return Object.entries(holder).flatMap(([name, value]) => (name === NAME && typeof value === 'string'
    ? [{ path: [...at, name], file: value, rename: (file: string) => { holder[name] = file; } }]
    : filesNamedIn(value, [...at, name])));
}
