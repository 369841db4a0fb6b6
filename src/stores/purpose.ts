import type { SecretPurpose } from '../core/session.ts';

/** Secrets one session may hold (core/ports.ts `attach`). */
export const MAX_SECRETS = 200;

/** The origin or domain that a secret is bound to. */
export function boundTo(purpose: SecretPurpose): string {
  return purpose.kind === 'gate' ? purpose.domain : purpose.origin;
}
