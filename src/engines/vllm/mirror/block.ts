import type { TenantId, UnitId } from '../../../core/index.ts';

/** One block of one rank's cache, there or remembered: a node of the prefix tree. */
export interface Block {
  readonly unit: UnitId;
  readonly rank: number;
  /** The last 64 bits of the engine's hash. */
  readonly key: bigint;
  /** The block before it; undefined for the first of a prompt, and while that is not known. */
  parent: Block | undefined;
  /** Whether `parent` is known. */
  placed: boolean;
  /** Blocks before it. */
  depth: number;
  /** Known blocks that follow it. */
  children: number;
  /** Physical copies in the accelerator's memory: the engine may hold a block twice, and drops each by itself. */
  copies: number;
  /** Copies in tiers below it. */
  below: number;
  /** Whose index knows it: whoever's call used it first. */
  owner: TenantId | undefined;
  /** Whether it is among those that may be let go of, and between which of them. */
  loose: boolean;
  older: Block | undefined;
  newer: Block | undefined;
}
