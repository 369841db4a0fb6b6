import { behind } from './behind.ts';

behind('nginx');
