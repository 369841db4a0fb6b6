/**
 * Names that only a proxy may write, folded (core/text/header-list.ts `foldName`). A client that sends one claims an
 * identity, an address, another URL or another method than the one that was judged, so the proxy face drops it whether
 * or not an app's profile uses it. Facts: contracts of the field's gateways, advisories of §4 "untrusted forwarding headers".
 */
const PREFIXES = [
  // Identity, as gateways and apps of the field spell it.
  'remote-',
  'x-remote-',
  'x-authentik-',
  'x-auth-request-',
  'x-authenticated-',
  'x-webauth-',
  'x-webobjects-',
  'x-pomerium-',
  'x-vouch-',
  'x-proxy-',
  'x-akhq-',
  'x-sandstorm-',
  'x-goog-authenticated-',
  'x-goog-iap-',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-ms-client-principal',
  'x-ms-token-',
  'x-appengine-user-',
  'x-client-cert',
  // RFC 9440 §3.1: whoever does not end TLS itself takes them away.
  'client-cert',
  'x-ssl-client-',
  'x-lintel-',
  'cf-access-',
  'iv-',
  'mellon-',
  'oidc-',
  'shib-',
  'sm-',
  'x-consumer-',
  'x-credential-',
  'header-login-',
  'http-remote-',
  'impersonate-',
  'kubeflow-',
  'php-auth-',
  'redirect-remote-',
  'ssl-client-',
  'tailscale-',
  // Where a request came from and what it asked for.
  'x-forwarded',
  'x-original-',
  'x-envoy-',
  'cf-connecting-',
];

const NAMES = new Set([
  'x-auth-user',
  'x-auth-username',
  'x-auth-name',
  'x-auth-email',
  'x-auth-groups',
  'x-auth-roles',
  'x-auth-subject',
  'x-auth-userid',
  'x-identity-assertion',
  'x-jwt-assertion',
  'teleport-jwt-assertion',
  'x-userinfo',
  'x-endpoint-api-userinfo',
  'x-apigateway-api-userinfo',
  'x-user-groups',
  'x-user-roles',
  'x-sso-user',
  'x-proxyuser',
  'x-ssl-cn',
  'auth-user',
  'ssl-cert',
  'x-ssl-cert',
  'x-arr-clientcert',
  'front-end-https',
  'x-scheme',
  'x-url-scheme',
  'forwarded',
  'client-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-originating-ip',
  'true-client-ip',
  'x-true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-host',
  'x-http-host-override',
  'x-http-destinationurl',
  'x-rewrite-url',
  'x-override-url',
  'x-http-path-override',
  'x-script-name',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // A Next.js before 15.2.3 takes it to say that its middleware, and the sign-in in there, has been run (CVE-2025-29927).
  'x-middleware-subrequest',
  // httpoxy (CVE-2016-5385): CGI turns it into HTTP_PROXY, the proxy that the app's own requests go through.
  'proxy',
  // Rack::Sendfile (CVE-2025-61780): a client could map files of its choice.
  'x-sendfile-type',
  'x-accel-mapping',
  'x-accel-redirect',
]);

/** True when a client may not send this header to an app. `fold` is a folded name. */
export function isClientClaim(fold: string): boolean {
  return NAMES.has(fold) || PREFIXES.some((prefix) => fold.startsWith(prefix));
}

/** Names of this list that say who somebody is or where they come from; an app's answer must not carry them either. */
export function isIdentityName(fold: string): boolean {
  return isClientClaim(fold) && !ANSWERS.has(fold);
}

/** An app may legitimately steer the proxy in front of Lintel with these. */
const ANSWERS: ReadonlySet<string> = new Set(['x-accel-redirect', 'proxy']);
