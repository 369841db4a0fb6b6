import { behind } from './behind.ts';

behind('envoy');
