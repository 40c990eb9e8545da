import { readFileSync } from 'node:fs';
import { defineConfig } from 'tsdown';

const uplot = (file: string): string => readFileSync(new URL(`node_modules/uplot/${file}`, import.meta.url), 'utf8');

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      'cli/main': 'src/cli/main.ts',
      'engines/embedded/child': 'src/engines/embedded/child/main.ts',
      'lab/replay-worker': 'src/lab/replay/parallel/replay-worker.ts',
    },
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outExtensions: () => ({ js: '.mjs', dts: '.d.mts' }),
    dts: { entry: ['src/index.ts'] },
    sourcemap: false,
    clean: true,
    external: ['node-llama-cpp', 'openai'],
  },
  {
    // Runs in browsers, inlined in the league page, which carries its chart library whole: code, styles and licence.
    entry: { 'lab/league-page': 'src/lab/league/page/client.ts' },
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    tsconfig: 'src/lab/league/page/tsconfig.json',
    define: { UPLOT_STYLE: JSON.stringify(uplot('dist/uPlot.min.css')) },
    banner: `/* uPlot:\n${uplot('LICENSE')}*/`,
    minify: true,
    dts: false,
    sourcemap: false,
    clean: false,
  },
]);
