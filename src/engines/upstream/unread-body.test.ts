import { describe, expect, it } from 'vitest';
import { refuseUnread } from './unread-body.ts';

const NAMES = ['priority', 'nvext', 'rid'];
const MULTIPART = 'multipart/form-data; boundary=b';
const part = (name: string, text = '9'): string => `--b\r\nContent-Disposition: form-data; ${name}\r\n\r\n${text}\r\n--b--\r\n`;
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
    ['{"a":NaN,"p\\u0072iority":9}', 'priority'], ['\ufeff{"priority":9}', 'priority'],
  ])('says what is not for tenants to say: %s', (body, name) => {
    for (const type of ['application/json', 'text/plain', MULTIPART]) expect(refused(body, type)).toBe(name);
  });

  it.each([
    'name="priority"', 'name=priority', 'NAME = "priority"', 'filename="f"; name=<priority>', 'name="pr%69ority"', 'name="priority[0]"', 'x="y%0a"; name="priority"',
    '\nname="priority"', 'name="a"; name="priority"',
  ])('says it in a field of a form: %s', (name) => {
    expect(refused(part(name), MULTIPART)).toBe('priority');
  });

  it.each(["name*=utf-8''priority", 'name*0="pri"; name*1="ority"'])('may say it by a name that is put together: %s', (name) => {
    expect(refused(part(name), MULTIPART)).toContain('in pieces');
  });

  it.each(['priority=9', 'a=1&priority=9', 'a=1;pr%69ority=9', 'a=1&priority'])('says it in a form of one line: %s', (body) => {
    expect(refused(body, 'application/x-www-form-urlencoded')).toBe('priority');
  });

  it.each([
    ['words of a prompt', part('name="prompt"', 'Notes of Friday, by priority: <input name="rid">'), MULTIPART],
    ['a file', part('name="file"; filename="rid priority.txt"', 'priority'), MULTIPART],
    ['a name that begins alike', part('name="ride"'), MULTIPART],
    ['a value', 'prompt=notes+of+Friday&sort=priority', 'application/x-www-form-urlencoded'],
    ['a video', Buffer.from('\0\0\0\x20ftypisom Friday', 'latin1'), 'video/mp4'],
    ['a video of no known type', Buffer.from('\0\0\0\x18ftypmp42', 'latin1'), 'application/octet-stream'],
    ['a text', 'Notes of Friday: priority', 'text/plain'],
  ])('may hold such words: %s', (_what, body, type) => {
    expect(refused(body, type)).toBeUndefined();
  });

  it('may be in an encoding that other parsers read', () => {
    expect(refused(Buffer.from('{"priority":9}', 'utf16le'))).toContain('another encoding');
  });

  it.each(['', '{}', '[]', '7', '{"metadata":{"priority":9}}', '{"text":"of priority"}', '{"text":"\\u00e9"}', 'no JSON'])('passes otherwise: %s', (body) => {
    expect(refused(body)).toBeUndefined();
  });
});
