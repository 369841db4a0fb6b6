import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Fault } from '../core/fault.ts';
import type { Secrets, SessionStore } from '../core/ports.ts';
import { ok, type Result } from '../core/result.ts';
import { attempt } from './attempt.ts';

/** Signs short-lived values that browsers keep for us, so that anonymous traffic writes nothing to the store. */
export interface Seal {
  /** HMAC-SHA-256 over purpose and text, base64url, 43 characters. */
  mac(purpose: string, text: string): string;
  /** Compares in constant time. */
  verify(purpose: string, text: string, mac: string): boolean;
}

/** The seal of this installation; its key is made on first use and read once. */
export function sealOf(store: SessionStore, secrets: Secrets): () => Promise<Result<Seal, Fault>> {
  let kept: Seal | undefined;
  const make = () => Buffer.from(secrets.token(), 'base64url');
  return async () => {
    if (kept !== undefined) return ok(kept);
    const key = await attempt('STORE-UNAVAILABLE', () => store.installationKey('portal', make));
    if (!key.ok) return key;
    kept = sealWith(key.value);
    return ok(kept);
  };
}

function sealWith(key: Uint8Array): Seal {
  const mac = (purpose: string, text: string) =>
    createHmac('sha256', key).update(`${purpose}\n${text}`, 'utf8').digest('base64url');
  const verify = (purpose: string, text: string, given: string) => {
    const [a, b] = [Buffer.from(mac(purpose, text)), Buffer.from(given)];
    return a.length === b.length && timingSafeEqual(a, b);
  };
  return { mac, verify };
}
