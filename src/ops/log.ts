import pino from 'pino';
import { quoteWhole } from '../core/text/quote.ts';

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** One structured line for each event. Fields are chosen by audit.ts; nothing logs requests or headers whole. */
export interface Log {
  write(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
  isEnabled(level: Level): boolean;
  flush(): void;
}

/** JSON to standard error (file descriptor 2), or short text lines on a terminal. */
export function createLog(level: Level, format: 'json' | 'text'): Log {
  const destination = pino.destination({ fd: 2, sync: true });
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) }, // a word, as what collects logs takes it
    },
    destination,
  );
  const text = (at: Level, message: string, fields: Readonly<Record<string, unknown>>) => {
    const rest = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? quoted(value) : String(value)}`,
    );
    destination.write(`${at.padEnd(5)} ${message}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}\n`);
  };
  return {
    isEnabled: (at) => logger.isLevelEnabled(at),
    write(at, message, fields = {}) {
      if (!logger.isLevelEnabled(at)) return;
      if (format === 'text') text(at, message, fields);
      else logger[at](fields, message);
    },
    flush: () => destination.flushSync(),
  };
}

/** Text lines hold what strangers sent, so anything but plain words is quoted and escaped. */
function quoted(value: string): string {
  if (/^[\w.:/@*,+-]+$/.test(value)) return value;
  return quoteWhole(value);
}
