/** Origins of the web (RFC 6454 §6.2) as browsers write them. */
export type WebScheme = 'https' | 'http';

/** The port that goes without saying (RFC 9110 §4.2). */
export function defaultPort(scheme: WebScheme): number {
  return scheme === 'https' ? 443 : 80;
}

/** `host[:port]` without a default port. */
export function webAuthority(scheme: WebScheme, host: string, port: number): string {
  return port === defaultPort(scheme) ? host : `${host}:${port}`;
}

/** `scheme://host[:port]` without a default port. */
export function webOrigin(scheme: WebScheme, host: string, port: number): string {
  return `${scheme}://${webAuthority(scheme, host, port)}`;
}

/** What stands behind the scheme of an origin: `host[:port]`. */
export function authorityIn(origin: string): string {
  return origin.replace(/^[a-z]+:\/\//, '');
}

/** The host of an origin, without a port. */
export function hostIn(origin: string): string {
  return authorityIn(origin).replace(/:\d+$/, '');
}
