/** `${VARIABLE}` and `${VARIABLE:-default}` in the texts of a document; `$${` stands for `${`. */
import { isScalar, visit, type Document } from 'yaml';
import type { ConfigPath } from './issues.ts';

const REFERENCE = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

export interface Substituted {
  /** Paths whose text came from the environment, as JSON. */
  readonly paths: ReadonlySet<string>;
  readonly problems: readonly { readonly offset: number; readonly message: string }[];
}

/**
 * Replaces within the parsed document: whatever a variable holds, it stays one text and changes no structure.
 * @param environment an empty variable counts as unset where there is a default, as in a shell
 */
export function substitute(document: Document, environment: Readonly<Record<string, string | undefined>>): Substituted {
  const paths = new Set<string>();
  const problems: { offset: number; message: string }[] = [];
  visit(document, {
    Scalar(position, node, ancestors) {
      if (position === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const offset = node.range?.[0] ?? 0;
      node.value = node.value.replace(REFERENCE, (whole, escaped: string | undefined, variable: string | undefined, fallback: string | undefined) => {
        if (escaped !== undefined) return escaped;
        if (variable === undefined) {
          problems.push({ offset, message: 'after ${ comes the name of a variable and }; write $${ for the text itself' });
          return whole;
        }
        const value = environment[variable];
        if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
        if (value === undefined) problems.push({ offset, message: `the environment variable ${variable} is not set; set it, or write \${${variable}:-default}` });
        return value ?? '';
      });
      paths.add(JSON.stringify(pathOf(node, ancestors as readonly unknown[])));
    },
  });
  return { paths, problems };
}

/** Where a node is, from the nodes above it. */
function pathOf(node: unknown, ancestors: readonly unknown[]): ConfigPath {
  const path: (string | number)[] = [];
  const chain = [...ancestors, node];
  for (let index = 0; index + 1 < chain.length; index++) {
    const parent = chain[index] as { items?: readonly unknown[]; key?: unknown };
    const child = chain[index + 1];
    if (Array.isArray(parent.items)) {
      const at = parent.items.indexOf(child);
      // The items of a map are pairs, which tell their key themselves.
      if (!(child !== null && typeof child === 'object' && 'key' in child)) path.push(at);
    } else if ('key' in parent) path.push(isScalar(parent.key) ? String(parent.key.value) : String(parent.key));
  }
  return path;
}
