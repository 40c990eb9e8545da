import { defineConfig } from 'tsdown';

export default defineConfig({
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
});
