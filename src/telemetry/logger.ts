/** Structured logs on standard error. Credentials are never logged; bodies are not either: nobody passes them. */
import pino, { type Logger } from 'pino';

/** Header and field names whose values never reach a log, at the top and one or two levels down. */
const SECRET_NAMES = [
  'authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'x-entresol-key', 'cookie', 'set-cookie',
  'apiKey', 'password', 'token', 'secret', 'body',
] as const;

function redactionPaths(): string[] {
  return SECRET_NAMES.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]);
}

export type LogLevel = 'info' | 'warn' | 'error';
/** What the runtime and the engines log through. */
export type LogSink = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

export interface LoggerOptions {
  /** `debug`, `info`, `warn`, `error` or `silent`. */
  readonly level?: string;
  /** Where lines go; standard error by default. */
  readonly destination?: { write(line: string): void };
}

export function createLogger(options: LoggerOptions = {}): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactionPaths(), censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
}

/** Header names come in any case: those of secrets are lowered, so that the redaction meets them. */
function lowerSecretNames(fields: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const lowered = name.toLowerCase();
    const secret = SECRET_NAMES.some((known) => known === lowered);
    result[secret ? lowered : name] = value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
      ? lowerSecretNames(value as Record<string, unknown>) : value;
  }
  return result;
}

export function logSink(logger: Logger): LogSink {
  return (level, message, fields) => {
    if (fields === undefined) logger[level](message);
    else logger[level](lowerSecretNames(fields), message);
  };
}
