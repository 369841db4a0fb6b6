/** What the four dialects of Authelia have in common. */
export const OF_AUTHELIA = { family: 'remote', ownPaths: 'judge', beginsSignIn: () => false } as const;
