import { behind } from './behind.ts';

behind('envoy-grpc', { exactCookies: true });
