import { defineCommand } from 'citty';

export default defineCommand({
  meta: { name: 'trace', description: 'Traces of real runs: import logs (hashes only), check a trace, see what it is like; make synthetic ones.' },
  subCommands: {
    import: () => import('./trace-import.ts').then((module) => module.default),
    check: () => import('./trace-check.ts').then((module) => module.default),
    make: () => import('./trace-make.ts').then((module) => module.default),
    stats: () => import('./trace-stats.ts').then((module) => module.default),
  },
});
