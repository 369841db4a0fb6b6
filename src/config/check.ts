import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';

/** Findings about the whole; see the functions below. `isWhole`: nothing is missing because it could not be read. */
export function check(_settings: Settings, _isWhole: boolean, _scope: Scope): void {}
