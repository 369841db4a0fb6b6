import type { Settings } from '../config/settings.ts';
import type { AssertionSigner } from '../core/assertion.ts';
import { JWKS_PATH } from '../core/door-path.ts';
import type { UserSource } from '../core/ports.ts';
import type { TellFacts } from '../core/profile/tell.ts';
import { VERSION } from '../ops/version.ts';

/** What headers can tell beside the person. */
export function tellFacts(settings: Settings, users: UserSource, signer: AssertionSigner | undefined): TellFacts {
  const { portal, outpost, additionalHeaders } = settings;
  return {
    headerNames: withDeclared(users, additionalHeaders),
    signer,
    issuer: portal?.origin ?? '',
    jwks: portal === undefined ? '' : `${portal.origin}${portal.basePath}${JWKS_PATH}`,
    outpost,
    version: `lintel/${VERSION}`,
  };
}

/** The names that accounts may set, and those that the configuration declares for accounts to come. */
function withDeclared(users: UserSource, declared: readonly string[]): () => readonly string[] {
  if (declared.length === 0) return () => users.headerNames();
  let known: readonly string[] | undefined;
  let all: readonly string[] = declared;
  return () => {
    const names = users.headerNames();
    if (names !== known) {
      known = names;
      all = [...declared, ...names];
    }
    return all;
  };
}
