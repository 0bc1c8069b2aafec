"""Control games: what an untrusted agent can do at worst under protocols of audits and hand-overs, at what price."""
