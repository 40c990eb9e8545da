/** A real vLLM on a machine without a GPU: for tests, and for `entresol bench vllm`. */
export { installVllm, locateVllm, type VllmEnvironment } from './install.ts';
export { builtPlugin } from './plugin.ts';
export { realVllm } from './testing.ts';
export { whatIsMissing } from './requirements.ts';
export { vllmSources } from './sources.ts';
export { startVllm, VLLM_MODEL, type VllmServer, type VllmServerOptions } from './start.ts';
