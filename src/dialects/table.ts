import type { Implementation } from '../core/endpoint.ts';
import { authRequest } from './auth-request.ts';
import type { Dialect } from './dialect.ts';
import { extAuthz } from './ext-authz.ts';
import { forwardAuth } from './forward-auth.ts';
import { legacy } from './legacy.ts';

/** Every dialect by the name that `endpoints:` uses. */
export const DIALECTS = {
  ForwardAuth: forwardAuth,
  AuthRequest: authRequest,
  ExtAuthz: extAuthz,
  Legacy: legacy,
} as const satisfies Record<Implementation, Dialect>;
