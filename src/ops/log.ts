import pino from 'pino';

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
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
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
  return JSON.stringify(value).replace(TERMINAL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** C1 controls (U+009B begins a command as ESC [ does) and marks that turn the direction of text. */
const TERMINAL = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
