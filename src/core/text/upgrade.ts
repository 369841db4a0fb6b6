/**
 * The protocols of an `Upgrade` value (RFC 9110 §7.8) that may be tunnelled, in lower case.
 *
 *   Upgrade = #( token [ "/" token ] )
 *
 * HTTP within HTTP would be requests that nobody judges (h2c smuggling), TLS a detour to the same. These are offers that a
 * server may ignore, and here they always are.
 */
export function tunnelProtocols(upgrade: string): string[] {
  return upgrade
    .split(',')
    .map((offer) => offer.trim().toLowerCase())
    .filter((offer) => PROTOCOL.test(offer) && !HIDES_REQUESTS.test(offer));
}

const PROTOCOL = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}(?:\/[!#$%&'*+.^_`|~0-9a-z-]{1,64})?$/;
const HIDES_REQUESTS = /^(?:h2c?|h3|http|tls)(?:$|[/.-])/;
