import type { Place } from '../core/policy/rule.ts';

/** One thing that is wrong (`error`) or doubtful (`warning`) in the configuration, and where. Counts from 1. */
export interface Problem extends Place {
  readonly severity: 'error' | 'warning';
  /** What is wrong, one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}
