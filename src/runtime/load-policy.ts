/** Policies by name (the registry) or from a user's own file; `.ts` files load on Node 20 too. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import * as core from '../core/index.ts';
import { EntresolError, type PolicyDefinition } from '../core/index.ts';
import { POLICIES } from '../policies/registry.ts';

export function registeredPolicy(name: string): PolicyDefinition | undefined {
  return POLICIES.find((policy) => policy.name === name);
}

/** A path has a slash or a script's ending; anything else is a name. */
export function isPolicyPath(reference: string): boolean {
  return /[\\/]/.test(reference) || /\.[cm]?[jt]s$/.test(reference);
}

/**
 * @param otherNames names that the caller knows beside the registry, for the error's list
 * @throws EntresolError `ENT_POLICY_UNKNOWN` with the known names; `ENT_POLICY_INVALID` with the file and what is wrong
 */
export async function loadPolicy(reference: string, otherNames: readonly string[] = []): Promise<PolicyDefinition> {
  if (isPolicyPath(reference)) return loadPolicyFile(resolve(reference));
  const policy = registeredPolicy(reference);
  if (policy !== undefined) return policy;
  const known = [...POLICIES.map(({ name }) => name), ...otherNames].join(', ');
  throw new EntresolError('ENT_POLICY_UNKNOWN', `No policy is called ${JSON.stringify(reference)}. Known: ${known}, or a path to a .ts or .js file.`, { at: reference });
}

async function loadPolicyFile(path: string): Promise<PolicyDefinition> {
  if (!existsSync(path)) throw new EntresolError('ENT_POLICY_INVALID', 'there is no such file.', { at: path });
  // The file's import of 'entresol' gets this very core: it works anywhere on disk, without node_modules.
  const jiti = createJiti(pathToFileURL(path).href, { moduleCache: false, fsCache: false, virtualModules: { entresol: core } });
  let exported: unknown;
  try {
    exported = await jiti.import(path, { default: true });
  } catch (cause) {
    throw new EntresolError('ENT_POLICY_INVALID', `the file does not load: ${(cause instanceof Error ? cause.message : String(cause)).trim().replaceAll(/\s+/g, ' ')}.`, { at: path, cause });
  }
  return checkedDefinition(exported, path);
}

function checkedDefinition(exported: unknown, path: string): PolicyDefinition {
  const fault = (expected: string): EntresolError => new EntresolError('ENT_POLICY_INVALID', `expected ${expected}.`, { at: path });
  if (typeof exported !== 'object' || exported === null) throw fault('a default export made by definePolicy({...})');
  const candidate = exported as Partial<PolicyDefinition>;
  if (typeof candidate.name !== 'string') throw fault('a default export made by definePolicy({...}), with a name');
  if (typeof candidate.create !== 'function') throw fault('create(services), a function');
  if (typeof candidate.parameters !== 'object' || candidate.parameters === null) throw fault('parameters as definePolicy makes them');
  if (!Array.isArray(candidate.decisions) || !Array.isArray(candidate.intents)) throw fault('decisions and intents as definePolicy makes them');
  return exported as PolicyDefinition;
}
