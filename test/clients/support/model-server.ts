/** A server with the scripted model, true to the protocols of OpenAI and Anthropic. */
import type { ServerResponse } from 'node:http';
import { fieldsOf, jsonOrUndefined, type Fields } from '../../../src/gateway/json-fields.ts';
import type { Dialect } from '../../../src/core/index.ts';
import type { ReceivedRequest, Script } from '../../support/scripted-upstream.ts';
import { chatBody, chatStream, messagesBody, messagesStream, responsesBody, responsesStream, type SpokenAnswer } from '../../support/spoken-answer.ts';
import { nextAnswer, NO_SUCH_MODEL } from './scripted-model.ts';

const ROUTES: Readonly<Record<string, Dialect>> = { '/v1/chat/completions': 'chat', '/v1/messages': 'messages', '/v1/responses': 'responses' };

function written(dialect: Dialect, answer: SpokenAnswer, body: Fields): string {
  if (dialect === 'messages') return body.stream === true ? messagesStream(answer) : messagesBody(answer);
  if (dialect === 'responses') return body.stream === true ? responsesStream(answer) : responsesBody(answer);
  return body.stream === true ? chatStream(answer, fieldsOf(body.stream_options).include_usage === true) : chatBody(answer);
}

function refuse(response: ServerResponse, dialect: Dialect | undefined, status: number, message: string): void {
  const error = dialect === 'messages' ? { type: 'error', error: { type: 'not_found_error', message }, request_id: 'req_upstream' } : { error: { message, type: 'invalid_request_error', param: 'model', code: 'model_not_found' } };
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_upstream', 'request-id': 'req_upstream', 'x-should-retry': 'false' });
  response.end(JSON.stringify(error));
}

/** Everything that a stream says before its answer would end, and then nothing more. */
const beginning = (text: string): string => text.slice(0, text.indexOf('never'));

function serve(request: ReceivedRequest, response: ServerResponse, dialects: readonly Dialect[]): void {
  const dialect = ROUTES[request.path.split('?', 1)[0]];
  const body = fieldsOf(jsonOrUndefined(request.body.toString()));
  if (dialect === undefined || !dialects.includes(dialect)) refuse(response, dialect, 404, 'Not Found');
  else if (Object.keys(body).length === 0) refuse(response, dialect, 400, 'model is required');
  else if (body.model === NO_SUCH_MODEL) refuse(response, dialect, 404, `The model ${NO_SUCH_MODEL} does not exist.`);
  else {
    const answer = nextAnswer(dialect, body);
    response.writeHead(200, { 'content-type': body.stream === true ? 'text/event-stream; charset=utf-8' : 'application/json', 'x-request-id': 'req_upstream', 'request-id': 'req_upstream' });
    if (answer === 'endless') response.write(beginning(written(dialect, { text: 'This story has no end, never and never.' }, body)));
    else response.end(written(dialect, answer, body));
  }
}

/** @param dialects what the server has; anything else is 404 there */
export function modelServer(...dialects: readonly Dialect[]): Script {
  return (request, response) => serve(request, response, dialects);
}
