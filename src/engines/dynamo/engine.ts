/** The kind `dynamo`. */
import { upstreamKind, type AnyUpstreamKind } from '../upstream/kind.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { DynamoAdapter } from './adapter.ts';
import { dynamoSettings } from './settings.ts';

export const dynamo: AnyUpstreamKind = upstreamKind({
  kind: 'dynamo', summary: 'NVIDIA Dynamo\'s frontend: sessions and hints out, its routers decide', settings: dynamoSettings,
  make: (options, settings) => new UpstreamEngine(options, new DynamoAdapter(settings)),
});
