/** A stand-in for Dynamo's frontend, as version 1.6.1 of it answered (test/dynamo asks the real one the same). */
import { speak, type Script } from '../../../../test/support/scripted-upstream.ts';

/** Fields of a chat call that it takes beside OpenAI's: others are refused. */
const REFUSED = ['priority', 'vllm_xargs', 'session_id'];

export const dynamoStandIn = (start: number): Script => (request, response) => {
  const json = (value: string, status = 200): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(value); };
  if (request.method === 'GET') {
    if (request.path === '/openapi.json') json('{"openapi":"3.1.0","info":{"title":"NVIDIA Dynamo OpenAI Frontend","version":"1.6.1"},"paths":{"/v1/chat/completions":{"post":{}}}}');
    else if (request.path === '/health') json(`{"status":"healthy","endpoints":["dyn://dynamo.backend.generate"],"instances":[{"component":"backend","endpoint":"generate","namespace":"dynamo","instance_id":${10_075_945_360_431_206_000n + BigInt(start)},"transport":{"tcp":"127.0.0.1:38409/generate"},"device_type":"cuda"}]}`);
    else response.writeHead(404).end();
    return;
  }
  const body = JSON.parse(request.body.toString()) as Record<string, unknown>;
  const refused = REFUSED.filter((name) => name in body);
  if (refused.length > 0) json(`{"message":"Validation: Unsupported parameter(s): \`${refused.join(', ')}\`","type":"Bad Request","code":400}`, 400);
  else void speak('An answer of the stand-in.')(request, response);
};
