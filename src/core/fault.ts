/**
 * Every error a person or a proxy can meet, in one table. The id is stable: log lines, pages, `explain` and
 * docs/errors.md share it. `says` is what the client is told, generic on purpose; `fix` what to do, for whoever runs the
 * site behind "Operators: ".
 * The precise facts (which peer, which header) travel in `Fault.detail` to the log and to operators only.
 */
interface FaultKind {
  /** HTTP status of the generic rendering; 4xx: the request's fault, 5xx: ours or the operator's. */
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 408
    | 409
    | 413
    | 414
    | 417
    | 421
    | 429
    | 431
    | 500
    | 501
    | 502
    | 503
    | 504
    | 507;
  readonly says: string;
  readonly fix: string;
}

export const FAULTS = {
  'PEER-UNTRUSTED': {
    status: 403,
    says: 'This address may not ask for decisions.',
    fix: 'Add the address of your reverse proxy to trusted_proxies in lintel.yml.',
  },
  'PEER-PREAMBLE': {
    status: 400,
    says: 'A PROXY protocol preamble arrived; it is not supported.',
    fix: 'Switch the PROXY protocol off in the proxy in front, and let it send X-Forwarded-For.',
  },
  'TARGET-MISSING': {
    status: 400,
    says: 'The proxy did not say which request it asks about.',
    fix: 'Set the header named in the detail, as the shipped example for your proxy does.',
  },
  'TARGET-REPEATED': {
    status: 400,
    says: 'A header that names the original request came more than once.',
    fix: 'Let the proxy set the header (overwrite), not add to it.',
  },
  'TARGET-SCHEME': {
    status: 400,
    says: 'The original request has a scheme that is not served.',
    fix: 'Serve the app over https, or declare it with an http:// url.',
  },
  'TARGET-METHOD': {
    status: 400,
    says: 'The method of the original request is not a word of capital letters.',
    fix: 'Pass the method on as the client sent it.',
  },
  'TARGET-HOST': {
    status: 400,
    says: 'The host of the original request is not a valid host name.',
    fix: 'Pass $host (nginx) or the host the proxy routed by; not a client-supplied list.',
  },
  'TARGET-PATH': {
    status: 400,
    says: 'The path of the request has no single safe reading.',
    fix: 'The client must send a well-formed path: valid escapes, no control bytes, no climbing above the root.',
  },
  'TARGET-CONFLICT': {
    status: 400,
    says: 'The headers of the proxy describe different original requests.',
    fix: 'Let the proxy send one family of headers only, clear the other, and believe no client about X-Forwarded-Host.',
  },
  'HOST-UNKNOWN': {
    status: 400,
    says: 'No app is configured for this host.',
    fix: 'Check the address. Operators: add an app with this host under apps:, or its domain under domains:.',
  },
  'PORTAL-OVERRIDE': {
    status: 400,
    says: 'The portal address that the proxy asked for is not allowed for this host.',
    fix: 'Use an https address inside the cookie domain of the app, or leave it out.',
  },
  'PORTAL-NONE': {
    status: 400,
    says: 'There is no sign-in portal for this host.',
    fix: 'Set portal: in lintel.yml, or portal: of the domain.',
  },
  'REQUEST-MALFORMED': {
    status: 400,
    says: 'The request is malformed.',
    fix: 'Send a well-formed HTTP/1.1 request with one Host header and an origin-form target.',
  },
  'TLS-NEEDED': {
    status: 400,
    says: 'This port speaks TLS, and a request in plain HTTP came.',
    fix: 'Write https:// in front of the address.',
  },
  'REQUEST-TOO-LARGE': {
    status: 431,
    says: 'The request has too many or too large headers.',
    fix: 'Send fewer or smaller headers; clearing cookies of this site often helps.',
  },
  'REQUEST-TIMEOUT': { status: 408, says: 'The request took too long to arrive.', fix: 'Send the request again.' },
  'BODY-TOO-LARGE': { status: 413, says: 'The request body is too large.', fix: 'Send a smaller body.' },
  'METHOD-NOT-ALLOWED': {
    status: 405,
    says: 'This endpoint does not answer this method.',
    fix: 'Use one of the methods in the Allow header.',
  },
  'EXPECT-UNKNOWN': {
    status: 417,
    says: 'The Expect header asks for something unknown.',
    fix: 'Send no Expect, or 100-continue.',
  },
  'NOT-FOUND': { status: 404, says: 'There is nothing at this address.', fix: 'Check the address.' },
  'APP-ELSEWHERE': {
    status: 404,
    says: 'This app is not served here, only its sign-in is.',
    fix: 'Check the address. Operators: let your reverse proxy pass this host on to the app, or give the app an upstream.',
  },
  'HOST-NOT-PROXIED': {
    status: 403,
    says: 'No app is served here under this host.',
    fix: 'Check the address. Operators: add an app with an upstream for this host, or correct the Host header.',
  },
  'ACCESS-DENIED': {
    status: 403,
    says: 'You may not open this.',
    fix: 'Ask the person who runs this site, or switch account. Operators: lintel explain shows the deciding rule.',
  },
  'FACT-UNKNOWN': {
    status: 403,
    says: 'The access rules need a fact that the proxy did not send.',
    fix: 'Let the proxy send the header named in the detail.',
  },
  'SIGN-IN-NEEDED': { status: 401, says: 'Sign in first.', fix: 'Open the address in a browser, or send credentials.' },
  'CREDENTIALS-REFUSED': {
    status: 401,
    says: 'The credentials were not accepted.',
    fix: 'Check name and password; write them as HTTP Basic. An app password may be revoked, past its end, or for other apps.',
  },
  'STORE-UNAVAILABLE': {
    status: 503,
    says: 'Sessions cannot be read at the moment.',
    fix: 'Try again in a moment. Operators: check the storage named in the log.',
  },
  'STORE-WRITE': {
    status: 507,
    says: 'The sign-in or change could not be stored.',
    fix: 'Try again later. Operators: the database is full or read-only; the log names it.',
  },
  'SOURCE-UNAVAILABLE': {
    status: 503,
    says: 'Accounts cannot be read at the moment.',
    fix: 'Try again in a moment. Operators: check the users file named in the log.',
  },
  THROTTLED: {
    status: 429,
    says: 'Too many sign-in attempts.',
    fix: 'Wait for the time named in Retry-After, then try again.',
  },
  'VERIFIER-BUSY': {
    status: 429,
    says: 'Too many sign-ins are being checked at this moment.',
    fix: 'Try again in a few seconds.',
  },
  'ORIGIN-REFUSED': {
    status: 403,
    says: 'This change did not come from the portal itself.',
    fix: 'Open the portal and do it there.',
  },
  'FORM-INCOMPLETE': {
    status: 400,
    says: 'Something in the form is missing or contradicts itself.',
    fix: 'The form says what; correct it and send it again.',
  },
  'APP-PASSWORDS-FULL': {
    status: 409,
    says: 'This account has as many app passwords as there may be.',
    fix: 'Revoke one that is not used any more, then make the new one.',
  },
  'START-AGAIN': {
    status: 400,
    says: 'This sign-in link was used already, is too old, or belongs to another browser.',
    fix: 'Open the app again; a fresh sign-in begins by itself.',
  },
  LOOP: {
    status: 400,
    says: 'The same address came back for sign-in several times in a few seconds.',
    fix: 'Likely causes: the browser drops cookies, the proxy does not pass them on, or the app is reached under two hosts.',
  },
  'LEVEL-UNAVAILABLE': {
    status: 403,
    says: 'This app asks for a second proof of who you are, which cannot be given here yet.',
    fix: 'Operators: use level: one_factor for this rule until second factors are set up.',
  },
  'RETURN-REFUSED': {
    status: 400,
    says: 'The address to return to is not one of the apps here.',
    fix: 'Open the app by its own address.',
  },
  'ROUTING-REFUSED': {
    status: 500,
    says: 'This app cannot be opened for your account at the moment.',
    fix: 'Tell the person who runs this site. Operators: the log says which expression of the app failed, and for whom.',
  },
  'UPSTREAM-DOWN': {
    status: 502,
    says: 'The app does not answer.',
    fix: 'Try again in a moment. Operators: check that the upstream in lintel.yml is running.',
  },
  'UPSTREAMS-DOWN': {
    status: 502,
    says: 'None of the servers of this app can be reached.',
    fix: 'Try again in a moment. Operators: check the servers listed under upstream in lintel.yml.',
  },
  'UPSTREAM-TLS': {
    status: 502,
    says: 'The app could not prove that it is the app.',
    fix: 'Operators: the log says what is wrong with its certificate; an authority of your own goes into ca: of the upstream.',
  },
  'UPSTREAM-MALFORMED': {
    status: 502,
    says: 'The app sent an answer that cannot be passed on.',
    fix: 'Operators: the log says what was wrong with the answer.',
  },
  'UPSTREAM-TIMEOUT': {
    status: 504,
    says: 'The app took too long to answer.',
    fix: 'Try again in a moment. Operators: check the upstream, or raise its timeout.',
  },
  'UPGRADE-UNSUPPORTED': {
    status: 400,
    says: 'This connection cannot be upgraded.',
    fix: 'Ask for a WebSocket by GET without a body, in HTTP/1.1, on a connection that waits for no other answer.',
  },
  'ORIGIN-NOT-ALLOWED': {
    status: 403,
    says: 'This page may not open a live connection to the app.',
    fix: 'Open the app by its own address. Operators: add the origin named in the log to origins: of the app; programs send credentials in place of a cookie.',
  },
  INTERNAL: {
    status: 500,
    says: 'Something went wrong here.',
    fix: 'Try again. Operators: the log has the error; it is a bug worth reporting.',
  },
} as const satisfies Record<string, FaultKind>;

export type FaultId = keyof typeof FAULTS;

const OPERATORS = 'Operators: ';

/** What to do, apart for the two who may read it; each empty where there is nothing for them. */
export function fixFor(id: FaultId): { readonly everybody: string; readonly operators: string } {
  const { fix } = FAULTS[id];
  const at = fix.indexOf(OPERATORS);
  if (at < 0) return { everybody: fix, operators: '' };
  return { everybody: fix.slice(0, at).trim(), operators: fix.slice(at + OPERATORS.length) };
}

/** What went wrong, with the precise facts for log and operator. Never shown whole to a stranger. */
export interface Fault {
  readonly id: FaultId;
  readonly detail: string;
}

export function fault(id: FaultId, detail: string): Fault {
  return { id, detail };
}

export function faultStatus(id: FaultId): number {
  return FAULTS[id].status;
}
