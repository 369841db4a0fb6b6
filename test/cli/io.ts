import type { Io } from '../../src/cli/command.ts';

/** What a command says, kept. */
export interface KeptIo extends Io {
  said: string;
  complained: string;
}

export function keptIo(more: Partial<Omit<Io, 'out' | 'err'>> = {}): KeptIo {
  const io: KeptIo = {
    said: '',
    complained: '',
    out: (text) => {
      io.said += text;
    },
    err: (text) => {
      io.complained += text;
    },
    env: {},
    colour: false,
    stdin: async () => '',
    ...more,
  };
  return io;
}
