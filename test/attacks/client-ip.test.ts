/**
 * Client address. A rule opens an app to 10.0.0.0/8. The attacker writes `X-Forwarded-For: 10.0.0.1` in front of the
 * proxy's own entry, sends a second line, another header of the same meaning, or a spelling that two parsers read
 * differently: `012.0.0.1` is 10.0.0.1 to C and 12.0.0.1 to most others.
 *
 * Caddy-security CVE-2024-21494 and #266, Node's netmask CVE-2021-29922, Perl's Net::CIDR (mapped addresses in hex).
 * Hence: lines joined, read from the right over listed proxies, one strict grammar, and unknown is not a network.
 */
import { runClass } from './run.ts';

runClass('client-ip');
