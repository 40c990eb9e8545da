/** Calls as the gateway lives them, for tests of identity: read from bytes, resolved, remembered, answered. */
import { IdentityState, OutlineReader, rememberAnswer, rememberRequest, resolveIdentity, type AnswerOutline, type Identity } from '../../src/core/index.ts';
import { testHashing } from './hash.ts';

export class Caller {
  readonly state = new IdentityState();
  readonly reader = new OutlineReader(testHashing);

  call(body: unknown, answer: AnswerOutline | undefined = undefined, headers: Readonly<Record<string, string>> = {}): Identity {
    const outline = body === undefined ? undefined : this.reader.read(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
    const input = { headers: new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)), outline, state: this.state, hashing: testHashing };
    const { identity, inference } = resolveIdentity(input);
    rememberRequest(input, identity, inference);
    if (answer !== undefined) rememberAnswer(input, identity, inference, answer);
    return identity;
  }
}
