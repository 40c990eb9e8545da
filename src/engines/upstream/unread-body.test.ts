import { describe, expect, it } from 'vitest';
import { refuseUnread } from './unread-body.ts';

const NAMES = ['priority', 'nvext'];
const refused = (body: string | Buffer, type = 'application/json'): string | undefined => {
  try {
    refuseUnread(Buffer.from(body as string), ['Content-Type', type], NAMES);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENT_BAD_REQUEST', status: 400 });
    return (error as { at?: string }).at;
  }
};

describe('a body of a path that nobody here knows', () => {
  it.each([
    ['{"priority":9}', 'priority'], ['{"p\\u0072iority":9}', 'priority'], ['{"a":NaN,"nvext":{}}', 'nvext'],
    ['--b\r\ncontent-disposition: form-data; name="priority"\r\n\r\n9\r\n--b--\r\n', 'priority'],
  ])('says what is not for tenants to say: %s', (body, name) => {
    expect(refused(body, body.startsWith('--') ? 'multipart/form-data; boundary=b' : undefined)).toBe(name);
  });

  it('may be in an encoding that other parsers read', () => {
    expect(refused(Buffer.from('{"priority":9}', 'utf16le'))).toContain('another encoding');
  });

  it.each(['', '{}', '[]', '7', '{"metadata":{"priority":9}}', '{"text":"of priority"}', '{"text":"\\u00e9"}', 'no JSON'])('passes otherwise: %s', (body) => {
    expect(refused(body)).toBeUndefined();
  });
});
