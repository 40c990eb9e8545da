import type { z } from 'zod';
import type { Engine, EngineKind } from '../../core/index.ts';
import type { UpstreamOptions } from './options.ts';

/** A kind of engine that is reached by URL, as flags and configuration make it. */
export interface UpstreamKind<Settings = unknown> {
  readonly kind: EngineKind;
  /** One line for help and docs. */
  readonly summary: string;
  /** What it alone may be told: the group of its name in a configuration file. `{}` must be right: flags say no more than a URL. */
  readonly settings?: z.ZodType<Settings>;
  make(options: UpstreamOptions, settings: Settings): Engine;
}

/** A kind whose settings nobody needs to know. */
export interface AnyUpstreamKind {
  readonly kind: EngineKind;
  readonly summary: string;
  readonly settings?: z.ZodType;
  /** @param settings as its schema understands them; not yet checked */
  make(options: UpstreamOptions, settings?: unknown): Engine;
}

export function upstreamKind<Settings>({ kind, summary, settings, make }: UpstreamKind<Settings>): AnyUpstreamKind {
  return {
    kind, summary, ...(settings === undefined ? {} : { settings }),
    make: (options, given = {}) => make(options, (settings === undefined ? {} : settings.parse(given)) as Settings),
  };
}
