/** An HTTPS server on loopback that answers everything, with a certificate that nobody trusts by itself. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** Made for these tests, for `localhost`, valid for a hundred years; it guards nothing. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUPJ5pHDLkKBFqSsKvkaaJcNc7loYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTExNDkwN1oYDzIxMjYxMDI4
MTE0OTA3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS+ugaRakqWOdviy31cpg9bunfsNhMPvC0qPjvrWD4QI1ez8ekJIDlp
CwhGq9hSNP8JhiKLt8DquQVGqDlvnpHOo28wbTAdBgNVHQ4EFgQUP7FtC3QnjUWT
1tgki7keBVBWTHAwHwYDVR0jBBgwFoAUP7FtC3QnjUWT1tgki7keBVBWTHAwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAKihkU1uQw7H9z5U1SOmKYjRiXp5I+Ls7AJjJ5Yg0sSOAiEA
3AzGl34Nn3FuV7u79lpd8SVXyu/Iq4444igDsb/2jwI=
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm77wFjY/OY39bEov
fb/LeFsO1nJYM0X2FrRAT2Ba26uhRANCAAS+ugaRakqWOdviy31cpg9bunfsNhMP
vC0qPjvrWD4QI1ez8ekJIDlpCwhGq9hSNP8JhiKLt8DquQVGqDlvnpHO
-----END PRIVATE KEY-----
`;

export interface TlsUpstream {
  readonly port: number;
  /** PEM of what to trust. */
  readonly ca: string;
  /** Of all requests, raw. */
  readonly headers: readonly string[];
  close(): Promise<void>;
}

export async function startTlsUpstream(): Promise<TlsUpstream> {
  const headers: string[] = [];
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
    headers.push(...request.rawHeaders);
    request.resume();
    response.end('{}');
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: (server.address() as AddressInfo).port, ca: CERTIFICATE, headers,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
