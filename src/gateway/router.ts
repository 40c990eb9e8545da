/** The table of routes, matched by method and path; a pattern's last part may be `:name`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admitted } from './access/index.ts';
import type { OpenCall } from './open-call.ts';

export interface RouteContext extends Admitted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Who waits for the answer, and what memory the request holds. */
  readonly call: OpenCall;
  readonly requestId: string;
  /** The path with its query. */
  readonly target: string;
  /** The path without its query. */
  readonly path: string;
  /** The value of the pattern's `:name`, decoded. */
  readonly parameter: string;
}

export type Handler = (context: RouteContext) => void | Promise<void>;

export interface Route {
  readonly method: string;
  readonly pattern: string;
  /** Probes of an orchestrator come from anywhere and can do nothing. */
  readonly open?: boolean;
  /** Once keys are configured it wants an admin key: it tells about all tenants, or changes what they get. */
  readonly admin?: boolean;
  /** Its parameter may have slashes, as names of models do. */
  readonly slashes?: boolean;
  readonly handle: Handler;
}

export interface Match {
  readonly route: Route;
  readonly parameter: string;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

export class Router {
  private readonly exact = new Map<string, Route>();
  private readonly prefixed: { readonly prefix: string; readonly route: Route }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const colon = route.pattern.indexOf(':');
      if (colon < 0) this.exact.set(`${route.method} ${route.pattern}`, route);
      else this.prefixed.push({ prefix: `${route.method} ${route.pattern.slice(0, colon)}`, route });
    }
  }

  match(method: string, path: string): Match | undefined {
    const key = `${method} ${path}`;
    const exact = this.exact.get(key);
    if (exact !== undefined) return { route: exact, parameter: '' };
    for (const { prefix, route } of this.prefixed) {
      if (!key.startsWith(prefix)) continue;
      const parameter = decoded(key.slice(prefix.length));
      if (parameter !== undefined && parameter !== '' && (route.slashes === true || !parameter.includes('/'))) return { route, parameter };
    }
    return undefined;
  }
}
