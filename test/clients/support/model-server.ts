/** A server with the scripted model, true to the protocols of OpenAI and Anthropic. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { fieldsOf, jsonOrUndefined, type Fields } from '../../../src/gateway/json-fields.ts';
import type { Dialect } from '../../../src/core/index.ts';
import type { ReceivedRequest, Script } from '../../support/scripted-upstream.ts';
import { chatBody, chatStream, messagesBody, messagesStream, responsesBody, responsesStream, type SpokenAnswer } from '../../support/spoken-answer.ts';
import { BUSY_MODEL, nextAnswer, NO_SUCH_MODEL } from './scripted-model.ts';

const ROUTES: Readonly<Record<string, Dialect>> = { '/v1/chat/completions': 'chat', '/v1/messages': 'messages', '/v1/responses': 'responses' };

/** What the ids of the answer to a request end with: the same for the same request, so that runs compare. */
export const markOf = ({ body }: Pick<ReceivedRequest, 'body'>): string => createHash('sha256').update(body).digest('hex').slice(0, 12);
/** Ids of answers and items, which clients take for unique. */
const withIds = (text: string, request: ReceivedRequest): string => text.replaceAll(/"(chatcmpl-1|(?:msg|rs|resp)_1|fc_\d+)"/g, `"$1_${markOf(request)}"`);

function written(dialect: Dialect, answer: SpokenAnswer, body: Fields): string {
  if (dialect === 'messages') return body.stream === true ? messagesStream(answer) : messagesBody(answer);
  if (dialect === 'responses') return body.stream === true ? responsesStream(answer) : responsesBody(answer);
  return body.stream === true ? chatStream(answer, fieldsOf(body.stream_options).include_usage === true) : chatBody(answer);
}

const errorBody = (dialect: Dialect | undefined, type: string, message: string): string =>
  JSON.stringify(dialect === 'messages' ? { type: 'error', error: { type, message }, request_id: 'req_upstream' } : { error: { message, type, param: 'model', code: null } });

function refuse(response: ServerResponse, dialect: Dialect | undefined, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_upstream', 'request-id': 'req_upstream', 'x-should-retry': 'false' });
  response.end(errorBody(dialect, 'not_found_error', message));
}

function tooBusy(response: ServerResponse, dialect: Dialect | undefined): void {
  response.writeHead(429, { 'content-type': 'application/json', 'retry-after-ms': '5', 'retry-after': '0' });
  response.end(errorBody(dialect, 'rate_limit_error', 'Too many at once.'));
}

/** Everything that a stream says before its answer would end, and then nothing more. */
const beginning = (text: string): string => text.slice(0, text.indexOf('never'));

type Answering = (dialect: Dialect, body: Fields, request: ReceivedRequest) => SpokenAnswer | 'endless';

function serve(request: ReceivedRequest, response: ServerResponse, dialects: readonly Dialect[], answering: Answering, nextIsTooMuch: () => boolean): void {
  const dialect = ROUTES[request.path.split('?', 1)[0]];
  const body = fieldsOf(jsonOrUndefined(request.body.toString()));
  if (dialect === undefined || !dialects.includes(dialect)) refuse(response, dialect, 404, 'Not Found');
  else if (Object.keys(body).length === 0) refuse(response, dialect, 400, 'model is required');
  else if (body.model === NO_SUCH_MODEL) refuse(response, dialect, 404, `The model ${NO_SUCH_MODEL} does not exist.`);
  else if (body.model === BUSY_MODEL && nextIsTooMuch()) tooBusy(response, dialect);
  else {
    const answer = answering(dialect, body, request);
    response.writeHead(200, { 'content-type': body.stream === true ? 'text/event-stream; charset=utf-8' : 'application/json', 'x-request-id': 'req_upstream', 'request-id': 'req_upstream' });
    if (answer === 'endless') response.write(withIds(beginning(written(dialect, { text: 'This story has no end, never and never.' }, body)), request));
    else response.end(withIds(written(dialect, answer, body), request));
  }
}

/** @param dialects what the server has; anything else is 404 there */
export const modelServer = (...dialects: readonly Dialect[]): Script => modelServerThat(nextAnswer, dialects);

/** A server whose answers are `answering`'s. */
export function modelServerThat(answering: Answering, dialects: readonly Dialect[]): Script {
  let busyCalls = 0;
  return (request, response) => serve(request, response, dialects, answering, () => busyCalls++ % 2 === 0);
}
