/** How a process that serves for months holds its memory. What each setting gives and costs: docs/research/gateway-cost.md. */
import { setFlagsFromString } from 'node:v8';

/**
 * Each call replaces what was known of its session, so old objects die between old ones that live, and pages of the heap stay
 * filled in part. V8 by itself moves objects together in a few of such pages at a time, and the heap becomes twice what is in it.
 */
export const SERVER_V8_FLAGS: readonly string[] = ['--compact-on-every-full-gc'];

/**
 * What the container image sets, and a unit of systemd can: glibc reads it when a process starts, nothing can set it later. It keeps
 * glibc from raising its thresholds with each large block that is freed, after which what is freed stays with the process.
 */
export const IMAGE_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_TRIM_THRESHOLD_: '131072' };

/** Called once by whatever serves, before the heap grows. */
export function holdMemoryTogether(): void {
  for (const flag of SERVER_V8_FLAGS) setFlagsFromString(flag);
}
