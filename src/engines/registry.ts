/** Every kind of engine that is reached by URL: an adapter is one folder and one line here. */
import { ENGINE_KINDS, type EngineKind } from '../core/index.ts';
import { dynamo } from './dynamo/engine.ts';
import { llamaServer } from './llama-server/engine.ts';
import { llmd } from './llm-d/engine.ts';
import { anthropic, openai, openaiCompatible } from './openai/engine.ts';
import { sglang } from './sglang/engine.ts';
import type { AnyUpstreamKind } from './upstream/kind.ts';
import { vllm } from './vllm/engine.ts';

export const UPSTREAM_KINDS: readonly AnyUpstreamKind[] = [
  openai,
  anthropic,
  openaiCompatible,
  llamaServer,
  sglang,
  dynamo,
  llmd,
  vllm,
];

/** They run within Entresol: no URL makes them. */
const WITHIN: ReadonlySet<EngineKind> = new Set(['embedded', 'simulated']);

export const upstreamKindNamed = (kind: string): AnyUpstreamKind | undefined => UPSTREAM_KINDS.find((entry) => entry.kind === kind);

/** Kinds of the design that have no adapter yet. */
export const isPlannedKind = (kind: string): boolean => ENGINE_KINDS.some((name) => name === kind && !WITHIN.has(name)) && upstreamKindNamed(kind) === undefined;
