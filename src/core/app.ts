import type { HostPattern, Rule } from './policy/rule.ts';
import type { Profile } from './profile/profile.ts';

/** One protected application. */
export interface App {
  readonly name: string;
  /** What people call it; the launcher shows it. */
  readonly title: string;
  readonly urls: readonly AppUrl[];
  readonly profile: Profile;
  /** Given: Lintel proxies it. Absent: another proxy asks. */
  readonly upstream: UpstreamAddress | undefined;
  readonly rules: readonly Rule[];
}

export interface AppUrl {
  readonly scheme: 'https' | 'http';
  readonly host: HostPattern;
  /** Effective port. */
  readonly port: number;
}

export interface UpstreamAddress {
  readonly hostname: string;
  readonly port: number;
  /** "host[:port]" as it stands in the configuration, for messages. */
  readonly text: string;
}
