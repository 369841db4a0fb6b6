/**
 * Words of Authelia's configuration, and of authentik's proxy providers, at the places where somebody writes them out of
 * habit, and what Lintel calls them.
 * `has` tells which keys exist where the word was found, so that a hint never sends anybody to the wrong place.
 */
type Hint = (value: unknown, has: (key: string) => boolean) => string | undefined;

const POLICY: Readonly<Record<string, string>> = {
  bypass: 'allow: everyone',
  one_factor: 'allow: signed_in',
  two_factor: 'allow: signed_in with level: two_factor',
  deny: 'deny: everyone',
};

function here(key: string): Hint {
  return (_, has) => (has(key) ? `Did you mean ${key}? Lintel's name for it.` : undefined);
}

function elsewhere(key: string, text: string): Hint {
  return (_, has) => (has(key) ? text : undefined);
}

const BASIC_AUTH = 'Did you mean basic_auth: {user_attribute, password_attribute}?';

export const RENAMED: Readonly<Record<string, Hint | undefined>> = Object.assign(Object.create(null), {
  policy: (value: unknown, has: (key: string) => boolean) => {
    if (!has('allow')) return undefined;
    const native = typeof value === 'string' ? POLICY[value] : undefined;
    return `Did you mean ${native ?? 'allow or deny'}? Lintel's words for a policy.`;
  },
  domain: here('hosts'),
  domains: here('hosts'),
  host: here('hosts'),
  domain_regex: here('hosts_regex'),
  subject: here('subjects'),
  hosts: elsewhere('allow', 'The url of the app names its hosts; for other hosts write a rule under policy.rules.'),
  default_policy: here('default'),
  access_control: elsewhere('policy', 'Did you mean policy? Its rules: hosts, subjects, allow, deny, level.'),
  authentication_backend: elsewhere('users', 'Did you mean users: file:PATH?'),
  regulation: here('throttle'),
  definitions: elsewhere('networks', 'Did you mean networks? Names and ranges stand right below it.'),
  server: elsewhere('listen', 'Did you mean listen, and endpoints for own check endpoints?'),
  telemetry: here('metrics'),
  inactivity: here('idle'),
  expiration: here('lifetime'),
  cookies: elsewhere('idle', 'Did you mean domains? It stands at the top of the file.'),
  authelia_url: here('portal'),
  default_redirection_url: here('default_redirect'),
  external_host: here('url'),
  internal_host: here('upstream'),
  internal_host_ssl_validation: elsewhere(
    'upstream',
    'Did you mean upstream: {url: …, dangerously_skip_verify: true}? Better ca: the file of who signed its certificate.',
  ),
  mode: elsewhere(
    'upstream',
    'Take it out: an app with an upstream is proxied, one with a domain is that whole domain, for any other the proxy asks.',
  ),
  cookie_domain: here('domain'),
  skip_path_regex: here('unauthenticated'),
  property_mappings: here('mappings'),
  policy_engine_mode: here('engine'),
  basic_auth_enabled: elsewhere('basic_auth', BASIC_AUTH),
  basic_auth_user_attribute: elsewhere('basic_auth', BASIC_AUTH),
  basic_auth_password_attribute: elsewhere('basic_auth', BASIC_AUTH),
  access_token_validity: elsewhere('upstream', 'Did you mean session.lifetime? It stands at the top of the file.'),
  slug: elsewhere('upstream', 'Take it out: the name of the app under apps: is its slug.'),
  name: here('title'),
});
