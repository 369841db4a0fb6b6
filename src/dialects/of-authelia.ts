/** What the four dialects of Authelia have in common. */
export const OF_AUTHELIA = {
  family: 'remote',
  ownPaths: 'judge',
  takesSubpaths: false,
  demandsBasic: () => false,
  beginsSignIn: () => false,
} as const;
