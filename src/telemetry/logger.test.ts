import { describe, expect, it } from 'vitest';
import { createLogger, logSink } from './logger.ts';

function logged(fields: Record<string, unknown>): string {
  const lines: string[] = [];
  logSink(createLogger({ destination: { write: (line) => { lines.push(line); } } }))('info', 'hello', fields);
  return lines.join('');
}

describe('logs', () => {
  it.each([
    [{ authorization: 'Bearer S3CRET' }], [{ Authorization: 'Bearer S3CRET' }], [{ headers: { 'x-api-key': 'S3CRET' } }], [{ request: { headers: { 'X-Entresol-Key': 'S3CRET' } } }],
    [{ headers: { cookie: 'session=S3CRET', 'Set-Cookie': 'a=S3CRET' } }], [{ body: 'my S3CRET prompt' }], [{ request: { body: { messages: ['S3CRET'] } } }], [{ 'proxy-authorization': 'S3CRET' }],
  ])('never show a secret: %j', (fields) => {
    const line = logged(fields);
    expect(line).not.toContain('S3CRET');
    expect(line).toContain('[redacted]');
  });

  it('are one JSON document a line, with a level in words and the time', () => {
    expect(JSON.parse(logged({ replica: 'e1', status: 200 }))).toMatchObject({ level: 'info', msg: 'hello', replica: 'e1', status: 200, time: expect.stringMatching(/^\d{4}-/) });
  });
});
