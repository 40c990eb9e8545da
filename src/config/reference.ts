/** docs/configuration.md's table of settings, from the JSON Schema. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const HUGE = Number.MAX_SAFE_INTEGER;

function typeOf(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.anyOf !== undefined) return node.anyOf.map(typeOf).join(' or ');
  if (node.type === 'array') return `list of ${typeOf(node.items ?? {})}`;
  if (node.type === 'object') return node.properties === undefined ? 'names and values' : `{${Object.keys(node.properties).join(', ')}}`;
  if (node.type !== 'integer' && node.type !== 'number') return node.type === 'string' ? 'text' : (node.type ?? 'any');
  const range = [node.minimum !== undefined && node.minimum > -HUGE ? `from ${node.minimum}` : '', node.maximum !== undefined && node.maximum < HUGE ? `to ${node.maximum}` : ''].filter((part) => part !== '');
  return [node.type === 'integer' ? 'whole number' : 'number', ...range].join(' ');
}

function rows(name: string, node: Node, required: boolean): string[] {
  const group = node.properties ?? node.items?.properties ?? node.items?.anyOf?.find((option) => option.properties !== undefined)?.properties;
  const needed = node.properties === undefined ? (node.items?.required ?? []) : (node.required ?? []);
  if (group === undefined) {
    const value = required ? 'required' : node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``;
    return [`| \`${name}\` | ${typeOf(node)} | ${value} | ${(node.description ?? '').replaceAll('|', '\\|')} |\n`];
  }
  const inner = node.properties === undefined ? `${name}[]` : name;
  const heading = node.description === undefined ? [] : [`| \`${name}\` | ${node.properties === undefined ? 'list' : 'group'} | | ${node.description.replaceAll('|', '\\|')} |\n`];
  return [...heading, ...Object.entries(group).flatMap(([child, childNode]) => rows(`${inner}.${child}`, childNode, needed.includes(child)))];
}

/** Markdown: one row per setting, in the order of the schema. */
export function configReference(schema: object): string {
  const { properties = {} } = schema as Node;
  return `| setting | what | default | meaning |\n|---|---|---|---|\n${Object.entries(properties).flatMap(([name, node]) => rows(name, node, false)).join('')}`;
}
