import type { SubCommandsDef } from 'citty';

/** One line per command; each lives in a file of its own and is loaded only when it is run. */
export const COMMANDS: SubCommandsDef = {
  doctor: () => import('./doctor.ts').then((module) => module.default),
  serve: () => import('./serve.ts').then((module) => module.default),
  config: () => import('./config.ts').then((module) => module.default),
  keys: () => import('./keys.ts').then((module) => module.default),
  up: () => import('./up.ts').then((module) => module.default),
  replay: () => import('./replay.ts').then((module) => module.default),
  trace: () => import('./trace.ts').then((module) => module.default),
  league: () => import('./league.ts').then((module) => module.default),
  bench: () => import('./bench.ts').then((module) => module.default),
  engine: () => import('./engine.ts').then((module) => module.default),
};
