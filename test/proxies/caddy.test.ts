import { behind } from './behind.ts';

behind('caddy');
behind('caddy-debian');
