import { swap } from './swap.ts';

swap('nginx', {
  copied: 6,
  open: ['x-authentik-jwt', 'x-authentik-meta-app'],
  hearsScripts: 'start',
  routesOutpost: true,
  authorization: [
    ['# auth_request_set $authentik_auth', 'auth_request_set $authentik_auth'],
    ['# proxy_set_header Authorization', 'proxy_set_header Authorization'],
  ],
  forms: {
    'its older form, with $host and $http_host': [
      [' Host $ak_http_host;', ' Host $host;'],
      ['$ak_http_host$request_uri', '$http_host$request_uri'],
    ],
    'the form that leaves scheme and host out of rd': [
      ['start?rd=$scheme://$ak_http_host$request_uri;', 'start?rd=$request_uri;'],
    ],
  },
});
/** What some apps read as X-authentik-…, of the claims that the suite makes; sorted. */
const ODD = [..."!#$%&'*+^`|~"].map((c) => `x${c}authentik${c}email`);
const FOLDED = ['x.authentik.email', 'x.authentik.username', 'x_authentik-username', 'x_authentik_email'];
const SPELLINGS = [...ODD, ...FOLDED, 'x_authentik_groups', 'x_authentik_username'].sort();
const CADDY_BASIC = [['X-Authentik-Meta-Version\n', 'X-Authentik-Meta-Version Authorization\n']] as const;
/** The check answers Lintel's own pages too. */
const CADDY_FORMS = {
  'no route of its own for the outpost': [['\t\treverse_proxy /outpost.goauthentik.io/* http://127.0.0.1:9000\n', '']],
} as const;
const TRAEFIK_FORMS = {
  'no route of its own for the outpost': [['&& PathPrefix(`/outpost.goauthentik.io/`)', '&& PathPrefix(`/nowhere/`)']],
} as const;
const DISTRUST = [['\t\t\ttrusted_proxies private_ranges\n', '']] as const;

// 2.11 deletes the spellings with a dot or an underscore of what it copies by itself.
swap('caddy', {
  copied: 12,
  open: [...ODD].sort(),
  hearsScripts: 'check',
  routesOutpost: true,
  distrust: DISTRUST,
  forms: CADDY_FORMS,
  authorization: CADDY_BASIC,
});
swap('caddy-debian', {
  copied: 12,
  open: SPELLINGS,
  hearsScripts: 'check',
  routesOutpost: true,
  distrust: DISTRUST,
  forms: CADDY_FORMS,
  authorization: CADDY_BASIC,
});
swap('traefik', {
  forms: TRAEFIK_FORMS,
  copied: 12,
  open: SPELLINGS,
  hearsScripts: 'check',
  routesOutpost: true,
  authorization: [['# - authorization', '- authorization']],
});
swap('envoy', {
  copied: 12,
  open: SPELLINGS,
  hearsScripts: 'nobody',
  routesOutpost: false,
  authorization: [['# - { exact: authorization }', '- { exact: authorization }']],
});
// authentik's template deletes six names and six spellings of them by itself.
const UNNAMED = [...ODD, 'x.authentik.email', 'x.authentik.username', 'x_authentik-username'].sort();
swap('haproxy', { copied: 12, open: UNNAMED, hearsScripts: 'start', routesOutpost: true });
