/**
 * Host confusion. `ADMIN.example.test.`, `admin.example.test:443` and a full-width letter reach the same app as
 * `admin.example.test`, but a gate that compares strings finds no rule for them and falls through to a weaker one; or a
 * wildcard compared by suffix lets `evilexample.test` in.
 *
 * Authelia GHSA-j748-h363-wqj8 (CVE-2026-48794), tinyauth CVE-2026-77560, Traefik GHSA-hrhx-6h34-j5hc, oauth2-proxy
 * GHSA-4mf2-f3wh-gvf2. Hence: one canonical form, made once, for rules, decision and redirect; wildcards end on a dot.
 */
import { runClass } from './run.ts';

runClass('host-confusion');
