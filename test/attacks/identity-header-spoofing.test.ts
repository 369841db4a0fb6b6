/**
 * Identity header spoofing. The app believes `Remote-User`. The attacker sends it: as it is, in another letter case,
 * twice, as `Remote_User` or `Remote.User` (WSGI, CGI and PHP fold every such name into one variable), in a trailer, or
 * on a path that nobody has to sign in for, where a gate that says nothing about the header leaves theirs in place.
 *
 * Caddy GHSA-7r4p-vjf4-gxv4 (a copied header that the check answer lacks keeps the client's value), oauth2-proxy
 * GHSA-vjrc-mh2v-45x6 (underscores), Traefik GHSA-v67p-phpq-fc8x (trailers), Traefik #13720 (every other tchar).
 * Hence: every owned name is taken out by its folded form and written in full, empty when there is no value.
 */
import { runClass } from './run.ts';

runClass('identity-header-spoofing');
