import type { HostPattern, Rule } from '../core/policy/rule.ts';
import { isWithin } from '../core/text/host.ts';
import { overlaps } from '../core/text/ip.ts';
import { hostText } from './apps.ts';
import { portalsOf } from './build.ts';
import { checkFallThrough } from './check-fall-through.ts';
import { covers } from './coverage.ts';
import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';

/** Findings about the whole. `isWhole`: nothing is missing because it could not be read. */
export function check(settings: Settings, isWhole: boolean, scope: Scope): void {
  checkShadows(settings, scope);
  checkPortals(settings, scope);
  checkPorts(settings, scope);
  checkTrusted(settings, scope);
  checkSharedCookies(settings, scope);
  checkChoices(settings, scope);
  if (!isWhole) return;
  checkFallThrough(settings, scope);
  checkHosts(settings, scope);
  checkEmptyPolicy(settings, scope);
}

interface Standing {
  readonly rule: Rule;
  readonly hosts: readonly HostPattern[];
}

/** Rules that can never decide, because an earlier one always does. The order is policy.rules, then those of the app. */
function checkShadows(settings: Settings, scope: Scope): void {
  const first = settings.rules.map((rule) => ({ rule, hosts: rule.hosts }));
  for (const [i, later] of first.entries()) reportShadow(first.slice(0, i), later, scope);
  for (const app of settings.apps) {
    const hosts = app.urls.map((u) => u.host);
    const own = app.rules.map((rule) => ({ rule, hosts }));
    const near = first.filter((s) => s.hosts.some((h) => hosts.some((o) => mayMeet(h, o))));
    for (const [i, later] of own.entries()) reportShadow([...near, ...own.slice(0, i)], later, scope);
  }
}

/** A cheap test that spares the comparison of most pairs. */
function mayMeet(a: HostPattern, b: HostPattern): boolean {
  return a.kind !== 'exact' || b.kind !== 'exact' || a.host === b.host;
}

function reportShadow(before: readonly Standing[], later: Standing, scope: Scope): void {
  const by = before.find((e) => covers(e.rule, later.rule, { earlier: e.hosts, later: later.hosts }))?.rule;
  if (by === undefined) return;
  const { rule } = later;
  const where = `${by.label} (line ${by.place.line})`;
  if (by.outcome.kind === 'everyone' && rule.outcome.kind !== 'everyone') {
    scope.add(
      'error',
      rule.place,
      `${rule.label} never applies: ${where} lets everyone through first.`,
      'Put it before that rule, or narrow that rule.',
    );
  } else {
    scope.add(
      'warning',
      rule.place,
      `${rule.label} never applies: ${where} decides first.`,
      'Put it before that rule, or take it out.',
    );
  }
}

/** An app that is a whole domain may have the portal's host: authentik has both at one address. */
function checkPortals(settings: Settings, scope: Scope): void {
  for (const portal of portalsOf(settings)) {
    for (const app of settings.apps.filter((a) => a.domain === undefined)) {
      for (const [i, url] of app.urls.entries()) {
        if (url.host.kind !== 'exact' || url.host.host !== portal.host || url.port !== portal.port) continue;
        scope.error(
          ['apps', app.name, 'url', i],
          `${portal.host} is the portal; the app ${app.name} cannot have it too.`,
          'Give the portal a host of its own.',
        );
      }
    }
  }
}

/**
 * Behind another proxy the port comes out of the client's own `Host`, and proxies route without looking at it: whoever
 * leaves it out, or writes another, is judged by the rules of the app that they like better.
 */
function checkPorts(settings: Settings, scope: Scope): void {
  const owners = new Map<string, { readonly name: string; readonly port: number }>();
  for (const app of settings.apps) {
    for (const [i, { host, port }] of app.urls.entries()) {
      const text = hostText(host);
      const other = owners.get(text);
      owners.set(text, { name: app.name, port });
      // On one port it is an error already.
      if (other === undefined || other.name === app.name || other.port === port) continue;
      const both = settings.apps.filter((a) => a.name === app.name || a.name === other.name);
      if (both.every((a) => a.upstream !== undefined)) continue;
      scope.warn(
        ['apps', app.name, 'url', i],
        `The apps ${other.name} and ${app.name} are told apart by the port alone, and behind another proxy a client can write either.`,
        'Give each a host of its own, or let Lintel be the proxy of both.',
      );
    }
  }
}

/** Whoever asks from a trusted address says who the client is, so such a rule lets that address claim the network. */
function checkTrusted(settings: Settings, scope: Scope): void {
  const { networks } = settings.trustedProxies;
  for (const rule of [...settings.rules, ...settings.apps.flatMap((a) => a.rules)]) {
    if (!rule.networks.some((n) => networks.some((t) => overlaps(n, t)))) continue;
    scope.add(
      'warning',
      rule.place,
      `${rule.label} tests a network that holds a trusted proxy, which can claim any client address.`,
      'Let networks and trusted_proxies have no address in common.',
    );
  }
}

function checkSharedCookies(settings: Settings, scope: Scope): void {
  for (const { domain, cookie, place } of settings.domains) {
    scope.add(
      'warning',
      place,
      `Each app below ${domain} gets the cookie ${cookie} from browsers and can replay it to the others.`,
      'Leave domains out, and each app has a cookie of its own; or trust every app below it.',
    );
  }
}

/** What an app chooses at sign-in is kept with its own cookie; the shared one of `domains:` is given for all apps at once. */
function checkChoices(settings: Settings, scope: Scope): void {
  for (const app of settings.apps) {
    const covered = settings.domains.find(({ domain }) => app.urls.some((u) => isWithin(certain(u.host), domain)));
    if (app.routing === undefined || covered === undefined) continue;
    scope.error(
      ['apps', app.name],
      `app ${app.name} chooses its backend when somebody signs in to it, and below ${covered.domain} nobody signs in to one app.`,
      'Take the domain out of domains:, so that each app has a cookie of its own, or take backend, host_header and mappings out.',
    );
  }
}

function certain(host: HostPattern): string {
  return host.kind === 'exact' ? host.host : 'suffix' in host ? host.suffix.slice(1) : '';
}

/** A rule for a host that nobody serves is a slip of the pen more often than not. */
function checkHosts(settings: Settings, scope: Scope): void {
  const apps = settings.apps.flatMap((a) => a.urls.map((u) => u.host));
  const { domains } = settings;
  if (apps.length + domains.length === 0) return;
  for (const rule of settings.rules) {
    for (const host of rule.hosts) {
      if (host.kind === 'regex') continue;
      const text = host.kind === 'exact' ? host.host : host.suffix.slice(1);
      if (domains.some((d) => isWithin(text, d.domain)) || apps.some((a) => meets(a, host))) continue;
      scope.add(
        'warning',
        rule.place,
        `${rule.label} names ${hostText(host)}, which is no app's host and in no domain.`,
        'Check the spelling, or add the app.',
      );
    }
  }
}

function meets(app: HostPattern, host: HostPattern): boolean {
  if (app.kind === 'regex' || host.kind === 'regex') return true;
  const [a, b] = [nameOf(app), nameOf(host)];
  if (app.kind === 'exact' && host.kind === 'exact') return a === b;
  return a.endsWith(b) || b.endsWith(a);
}

function nameOf(pattern: Exclude<HostPattern, { kind: 'regex' }>): string {
  return pattern.kind === 'exact' ? pattern.host : pattern.suffix;
}

function checkEmptyPolicy(settings: Settings, scope: Scope): void {
  if (settings.rules.length + settings.apps.length > 0) return;
  if (settings.defaultOutcome.kind === 'everyone') {
    scope.error(
      ['policy', 'default'],
      'Without rules and apps this lets everyone in everywhere.',
      'Add an app, or let the default be deny.',
    );
  } else if (settings.defaultOutcome.kind === 'deny') {
    scope.warn(
      ['policy'],
      'Without rules and apps every request is denied.',
      'Add an app: apps: {wiki: {url: https://wiki.example.com, access: [{allow: signed_in}]}}.',
    );
  }
}
