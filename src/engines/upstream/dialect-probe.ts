/**
 * Whether a server has the route of a dialect: it is asked once with an empty request, which costs no token. A server
 * that knows the route refuses the request for what it lacks; one that does not says that there is no such route.
 */
import type { Dialect } from '../../core/index.ts';

const PATHS: Partial<Readonly<Record<Dialect, string>>> = { responses: '/v1/responses', messages: '/v1/messages' };

/** Credentials, and what routers before a server go by. */
const FORWARDED = new Set(['authorization', 'x-api-key', 'api-key', 'anthropic-version', 'user-agent']);

/** Refused for want of fields: the route is there. */
const KNOWN = new Set([400, 409, 415, 422]);
/** No such route, or none for POST. A server that takes an empty request for a good one looked at no body: a catch-all. */
const UNKNOWN = new Set([200, 404, 405, 410, 501]);

export class DialectProbe {
  private readonly ask: (path: string, headers: readonly string[]) => Promise<number>;
  private readonly answers = new Map<Dialect, Promise<boolean>>();

  /** @param ask posts `{}` and tells the answer's status; throws where there is none */
  constructor(ask: (path: string, headers: readonly string[]) => Promise<number>) {
    this.ask = ask;
  }

  /** Undecided (no answer, a credential that is refused) counts as spoken: the call itself then gets the server's own words. */
  speaks(dialect: Dialect, headers: readonly string[]): Promise<boolean> {
    const path = PATHS[dialect];
    if (path === undefined) return Promise.resolve(true);
    const known = this.answers.get(dialect);
    if (known !== undefined) return known;
    const kept = headers.flatMap((value, index) => (index % 2 === 1 && FORWARDED.has(headers[index - 1].toLowerCase()) ? [headers[index - 1], value] : []));
    const asked = this.ask(path, kept).then((status) => {
      if (KNOWN.has(status)) return true;
      if (UNKNOWN.has(status)) return false;
      this.answers.delete(dialect);
      return true;
    }, () => {
      this.answers.delete(dialect);
      return true;
    });
    this.answers.set(dialect, asked);
    return asked;
  }

  forget(): void {
    this.answers.clear();
  }
}
