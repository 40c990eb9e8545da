import { EntresolError } from '../../core/index.ts';
import { installVllm, type VllmEnvironment } from './install.ts';

/** For tests: the environment with the real vLLM, installed if need be. Undefined, said loudly, where it cannot be had. */
export async function realVllm(): Promise<VllmEnvironment | undefined> {
  try {
    return await installVllm({ progress: (line) => { process.stderr.write(`${line}\n`); } });
  } catch (error) {
    if (!(error instanceof EntresolError) || error.code !== 'ENT_VLLM_UNAVAILABLE') throw error;
    process.stderr.write(`\n*** SKIPPED: all tests with a real vLLM, for there is none here: ${String(error)}\n\n`);
    return undefined;
  }
}
