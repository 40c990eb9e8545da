/** `GET /entresol/v1/events`: everything observed of a tenant, as server-sent events. A client that does not read is dropped. */
import type { ServerResponse } from 'node:http';
import type { Event, TenantId } from '../../core/index.ts';

const HEARTBEAT_MS = 15_000;

/** What leaves the process: arguments of tool calls and results are the application's text and stay in. */
export function publicEvent(event: Event): object {
  if (event.type === 'tool-call-streamed') return { ...event, argumentsJson: undefined };
  if (event.type !== 'intent-done' || (event.intent.kind !== 'speculate' && event.intent.kind !== 'memoise')) return event;
  const { kind, toolCall } = event.intent;
  return { ...event, intent: { kind, tool: toolCall.name, argumentsHash: toolCall.argumentsHash } };
}

export class EventStreams {
  private readonly clients = new Map<ServerResponse, TenantId>();
  private readonly backlogBytes: number;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(backlogBytes: number) {
    this.backlogBytes = backlogBytes;
    this.heartbeat = setInterval(() => this.send(': alive\n\n'), HEARTBEAT_MS).unref();
  }

  open(response: ServerResponse, requestId: string, tenant: TenantId): void {
    if (response.destroyed) return;
    response.writeHead(200, ['content-type', 'text/event-stream', 'cache-control', 'no-store', 'x-entresol-request-id', requestId]);
    response.flushHeaders();
    this.clients.set(response, tenant);
    response.on('close', () => this.clients.delete(response));
  }

  /** @param tenant whom the event is about: nobody else is told; undefined: engines serve all of them */
  publish(event: Event, tenant: TenantId | undefined): void {
    if (this.clients.size > 0) this.send(`event: ${event.type}\ndata: ${JSON.stringify(publicEvent(event))}\n\n`, tenant);
  }

  /** Ends all streams: they would keep a draining server open. */
  close(): void {
    clearInterval(this.heartbeat);
    for (const client of this.clients.keys()) client.end();
    this.clients.clear();
  }

  private send(text: string, tenant?: TenantId): void {
    for (const [client, owner] of this.clients) {
      if (tenant !== undefined && owner !== tenant) continue;
      if (client.writableLength <= this.backlogBytes) client.write(text);
      else {
        this.clients.delete(client);
        client.destroy();
      }
    }
  }
}
