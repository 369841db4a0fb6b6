/**
 * Words of Authelia's configuration at the places where somebody writes them out of habit, and what Lintel calls them.
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
});
