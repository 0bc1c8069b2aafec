"""Control games: what an untrusted agent can do at worst under a protocol of audits and hand-overs, and at what price."""
