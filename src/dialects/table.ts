import type { Dialect } from '../core/dialect.ts';
import type { Implementation } from '../core/endpoint.ts';
import { authRequest } from './auth-request.ts';
import { extAuthz } from './ext-authz.ts';
import { forwardAuth } from './forward-auth.ts';
import { legacy } from './legacy.ts';
import { outpostCaddy } from './outpost-caddy.ts';
import { outpostEnvoy } from './outpost-envoy.ts';
import { outpostNginx } from './outpost-nginx.ts';
import { outpostTraefik } from './outpost-traefik.ts';

/** Every dialect of check endpoints. */
export const DIALECTS = {
  ForwardAuth: forwardAuth,
  AuthRequest: authRequest,
  ExtAuthz: extAuthz,
  Legacy: legacy,
  OutpostTraefik: outpostTraefik,
  OutpostCaddy: outpostCaddy,
  OutpostNginx: outpostNginx,
  OutpostEnvoy: outpostEnvoy,
} as const satisfies Record<Implementation, Dialect>;
