import { behind } from './behind.ts';

behind('traefik', { resolvesPaths: true });
